package helix.block.nbd.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/// A disk in memory.
final class TestDisk implements Disk {
    static final Set<Integer> ALL_OPERATIONS =
            Set.of(BlockOp.FLUSH, BlockOp.DISCARD, BlockOp.WRITE_ZEROES);

    final List<User> users = new CopyOnWriteArrayList<>();
    final Memory device;

    /// How many flushes were done.
    volatile int flushes;

    /// The flags of the last write.
    volatile int writeFlags;

    /// What requests end with, 0 to do them.
    volatile int failure;

    TestDisk(long bytes) {
        this(512, bytes, true);
    }

    TestDisk(int blockSize, long bytes, boolean fua) {
        this(blockSize, bytes, fua, ALL_OPERATIONS);
    }

    TestDisk(int blockSize, long bytes, boolean fua, Set<Integer> operations) {
        BlockLimits limits =
                new BlockLimits(
                        128 << 10, 16, 512, 100, 64, operations, fua, true, (1 << 20) / blockSize);
        device = new Memory(limits, blockSize, bytes / blockSize);
    }

    final class Memory extends MemoryBlockDevice {
        Memory(BlockLimits limits, int blockSize, long blocks) {
            super(
                    new BlockIdentity("MEMORY", "0001", "1.0", 1, ""),
                    limits,
                    blockSize,
                    blocks,
                    new Object());
        }

        @Override
        protected int perform(int op, int flags, long lba, int count, ScatterList list) {
            if (failure != 0) {
                return failure;
            }
            if (op == BlockOp.FLUSH) {
                flushes++;
            } else if (op == BlockOp.WRITE) {
                writeFlags = flags;
            }
            return super.perform(op, flags, lba, count, list);
        }
    }

    MemorySegment contents() {
        return device.contents();
    }

    @Override
    public String name() {
        return "nvme0n1";
    }

    @Override
    public BlockIdentity identity() {
        return device.identity();
    }

    @Override
    public State state() {
        return State.PRESENT;
    }

    @Override
    public int blockSize() {
        return device.blockSize();
    }

    @Override
    public long totalBlocks() {
        return device.totalBlocks();
    }

    @Override
    public Optional<Backing> backing() {
        return Optional.empty();
    }

    @Override
    public Access open(OpenMode mode, String user) {
        User me = new User(user, mode);
        users.add(me);
        return new Open(me);
    }

    @Override
    public List<User> users() {
        return List.copyOf(users);
    }

    @Override
    public Statistics statistics() {
        return new Statistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    @Override
    public List<Latency> latencies() {
        return List.of();
    }

    private final class Open implements Access {
        private final User user;

        Open(User user) {
            this.user = user;
        }

        @Override
        public Disk disk() {
            return TestDisk.this;
        }

        @Override
        public SeekableByteChannel channel() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            users.remove(user);
        }

        @Override
        public BlockIdentity identity() {
            return device.identity();
        }

        @Override
        public int blockSize() {
            return device.blockSize();
        }

        @Override
        public long totalBlocks() {
            return device.totalBlocks();
        }

        @Override
        public BlockLimits limits() {
            return device.limits();
        }

        @Override
        public BlockQueue openQueue(QueueOptions options) {
            return device.openQueue(options);
        }

        @Override
        public DmaBuffer allocate(long bytes) {
            return device.allocate(bytes);
        }
    }
}
