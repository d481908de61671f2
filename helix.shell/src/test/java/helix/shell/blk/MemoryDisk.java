package helix.shell.blk;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DmaBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A disk in memory, with the open modes of the real one.
final class MemoryDisk implements Disk {
    MemoryBlockDevice device = new MemoryBlockDevice(512, 4096);
    final List<User> users = new ArrayList<>();
    State state = State.PRESENT;

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
        return state;
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
        return Optional.of(new Backing("0000:01:00.0", "nvme", 3));
    }

    @Override
    public Access open(OpenMode mode, String user) {
        for (User other : users) {
            if (mode == OpenMode.WRITE_EXCLUSIVE || other.mode() == OpenMode.WRITE_EXCLUSIVE) {
                throw new DeviceBusyException(name(), other.name());
            }
        }
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
        return new Statistics(1, 2, 3, 4, 512, 1024, 5, 6, 7, 8, 9);
    }

    @Override
    public List<Latency> latencies() {
        return List.of(new Latency("read", 3, 1, 10.5, 9, 20, 25, 30, 31.25));
    }

    private final class Open implements Access {
        private final User user;

        Open(User user) {
            this.user = user;
        }

        @Override
        public Disk disk() {
            return MemoryDisk.this;
        }

        @Override
        public java.nio.channels.SeekableByteChannel channel() {
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
