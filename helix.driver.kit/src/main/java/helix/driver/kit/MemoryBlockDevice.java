package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// A block device in memory, for tests: strict about the contract, with completions out of order
/// and a volatile cache that a [power cut][#powerCut()] empties.
///
/// Requests are performed when they are polled. Tests of others' errors override [#perform] or use
/// [#stall(boolean)] and [#remove(int)]. Any thread may use it, a queue one thread at a time.
public class MemoryBlockDevice implements BlockDevice {
    private static final AtomicLong NEXT_ADDRESS = new AtomicLong(0x1_0000_0000L);
    private static final Object COMMON_POOL = new Object();
    private static final int PAGE = 4096;

    private final BlockIdentity identity;
    private final BlockLimits limits;
    private final int blockSize;
    private final long blocks;
    private final Object pool;
    private final MemorySegment contents;
    private final MemorySegment durable;
    private final BitSet dirty;
    private final AtomicInteger queues = new AtomicInteger();
    private final AtomicInteger buffers = new AtomicInteger();
    private volatile boolean stalled;
    private volatile int goneStatus = BlockStatus.OK;

    /// Makes a device with [#defaultLimits(int)].
    ///
    /// @param blockSize bytes, a power of two of at least 512
    /// @param blocks capacity
    public MemoryBlockDevice(int blockSize, long blocks) {
        this(
                new BlockIdentity("MEMORY", "0001", "1.0", 1, ""),
                defaultLimits(blockSize),
                blockSize,
                blocks);
    }

    /// Makes a device whose memory comes from a pool that all devices of this kind share.
    ///
    /// @param identity who it says it is
    /// @param limits what it takes
    /// @param blockSize bytes, a power of two of at least 512
    /// @param blocks capacity
    public MemoryBlockDevice(
            BlockIdentity identity, BlockLimits limits, int blockSize, long blocks) {
        this(identity, limits, blockSize, blocks, COMMON_POOL);
    }

    /// Makes a device with a pool of memory of its own: it does not reach what was allocated from
    /// others.
    ///
    /// @param identity who it says it is
    /// @param limits what it takes
    /// @param blockSize bytes, a power of two of at least 512
    /// @param blocks capacity
    /// @param pool the identity of its pool
    public MemoryBlockDevice(
            BlockIdentity identity, BlockLimits limits, int blockSize, long blocks, Object pool) {
        if (blockSize < 512 || Integer.bitCount(blockSize) != 1) {
            throw new IllegalArgumentException("block size " + blockSize);
        }
        this.identity = identity;
        this.limits = limits;
        this.blockSize = blockSize;
        this.blocks = blocks;
        this.pool = pool;
        contents = Arena.ofAuto().allocate(blocks * blockSize, PAGE);
        durable = Arena.ofAuto().allocate(blocks * blockSize, PAGE);
        dirty = new BitSet((int) blocks);
    }

    /// The limits of a capable device.
    ///
    /// @param blockSize bytes
    /// @return limits that list each operation
    public static BlockLimits defaultLimits(int blockSize) {
        return new BlockLimits(
                256 * 1024,
                64,
                512,
                8,
                256,
                Set.of(BlockOp.FLUSH, BlockOp.DISCARD, BlockOp.WRITE_ZEROES, BlockOp.COMPARE),
                true,
                true,
                (1 << 20) / blockSize);
    }

    @Override
    public BlockIdentity identity() {
        return identity;
    }

    @Override
    public int blockSize() {
        return blockSize;
    }

    @Override
    public long totalBlocks() {
        return blocks;
    }

    @Override
    public BlockLimits limits() {
        return limits;
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        if (goneStatus != BlockStatus.OK) {
            throw new BlockException(identity.key(), goneStatus);
        }
        if (options.depth() < 1) {
            throw new IllegalArgumentException("queue depth " + options.depth());
        }
        if (queues.incrementAndGet() > limits.maxQueues()) {
            queues.decrementAndGet();
            throw new BlockException(
                    identity.key() + " has " + limits.maxQueues() + " queues, all in use",
                    BlockStatus.NO_QUEUE);
        }
        return new MemoryBlockQueue(this, Math.min(options.depth(), limits.maxQueueDepth()));
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        if (bytes < 1) {
            throw new IllegalArgumentException("memory of " + bytes + " bytes");
        }
        MemorySegment segment = Arena.ofAuto().allocate(bytes, PAGE);
        long address = NEXT_ADDRESS.getAndAdd((bytes + 2 * PAGE - 1) & -PAGE);
        buffers.incrementAndGet();
        return new DmaBuffer(segment, address, pool, ignored -> buffers.decrementAndGet());
    }

    /// The bytes of the medium, cached writes included.
    ///
    /// @return the live bytes
    public final MemorySegment contents() {
        return contents;
    }

    /// How many queues are open.
    ///
    /// @return 0 or more
    public final int queuesOpen() {
        return queues.get();
    }

    /// How many buffers have been allocated and not freed.
    ///
    /// @return 0 or more
    public final int buffersInUse() {
        return buffers.get();
    }

    /// Stops or resumes completing requests.
    ///
    /// @param on whether requests stay in flight
    public final void stall(boolean on) {
        stalled = on;
    }

    /// Takes the device away: what is in flight ends with an error, nothing is taken any more.
    ///
    /// @param status how requests end: [BlockStatus#DEVICE_GONE] or [BlockStatus#GENERATION_GONE]
    public final void remove(int status) {
        goneStatus = status;
    }

    /// Loses the volatile cache: each block is what it was when last made durable.
    public final synchronized void powerCut() {
        MemorySegment.copy(durable, 0, contents, 0, contents.byteSize());
        dirty.clear();
    }

    /// Performs a request, one at a time.
    ///
    /// @param op a [BlockOp] number
    /// @param flags [BlockOp#FUA] or 0
    /// @param lba the first block
    /// @param count how many blocks
    /// @param list the memory, empty for operations without
    /// @return a [BlockStatus] number
    protected int perform(int op, int flags, long lba, int count, ScatterList list) {
        if (op == BlockOp.FLUSH) {
            flushAll();
            return BlockStatus.OK;
        }
        if (!limits.supports(op)) {
            return BlockStatus.UNSUPPORTED;
        }
        if (lba < 0 || count > blocks || lba > blocks - count) {
            return BlockStatus.OUT_OF_RANGE;
        }
        long at = lba * blockSize;
        switch (op) {
            case BlockOp.READ -> read(at, list);
            case BlockOp.WRITE -> {
                write(at, list);
                wrote(lba, count, (flags & BlockOp.FUA) != 0);
            }
            case BlockOp.DISCARD, BlockOp.WRITE_ZEROES -> {
                zero(at, (long) count * blockSize);
                wrote(lba, count, (flags & BlockOp.FUA) != 0);
            }
            case BlockOp.COMPARE -> {
                return differs(at, list) ? BlockStatus.COMPARE_FAILED : BlockStatus.OK;
            }
            default -> {
                return BlockStatus.UNSUPPORTED;
            }
        }
        return BlockStatus.OK;
    }

    private void read(long at, ScatterList list) {
        long from = at;
        for (int i = 0; i < list.size(); i++) {
            long length = list.length(i);
            MemorySegment.copy(contents, from, list.buffer(i).segment(), list.offset(i), length);
            from += length;
        }
    }

    private void write(long at, ScatterList list) {
        long to = at;
        for (int i = 0; i < list.size(); i++) {
            long length = list.length(i);
            MemorySegment.copy(list.buffer(i).segment(), list.offset(i), contents, to, length);
            to += length;
        }
    }

    private boolean differs(long at, ScatterList list) {
        long from = at;
        for (int i = 0; i < list.size(); i++) {
            long length = list.length(i);
            long begin = list.offset(i);
            MemorySegment piece = list.buffer(i).segment();
            if (MemorySegment.mismatch(contents, from, from + length, piece, begin, begin + length)
                    >= 0) {
                return true;
            }
            from += length;
        }
        return false;
    }

    private void zero(long at, long bytes) {
        contents.asSlice(at, bytes).fill((byte) 0);
    }

    private void wrote(long lba, int count, boolean forced) {
        int first = (int) lba;
        if (forced || !limits.volatileCache()) {
            long at = lba * blockSize;
            MemorySegment.copy(contents, at, durable, at, (long) count * blockSize);
            dirty.clear(first, first + count);
        } else {
            dirty.set(first, first + count);
        }
    }

    private void flushAll() {
        for (int i = dirty.nextSetBit(0); i >= 0; i = dirty.nextSetBit(i + 1)) {
            long at = (long) i * blockSize;
            MemorySegment.copy(contents, at, durable, at, blockSize);
        }
        dirty.clear();
    }

    final boolean isStalled() {
        return stalled;
    }

    final int goneStatus() {
        return goneStatus;
    }

    final Object pool() {
        return pool;
    }

    final void queueClosed() {
        queues.decrementAndGet();
    }
}
