package helix.benchmarks;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.util.Set;

/// A device without a medium: requests end as soon as they are polled for, and move nothing. What
/// time requests take on it is the time of the code above it.
final class NullBlockDevice implements BlockDevice, AutoCloseable {
    private static final int BLOCK_SIZE = 512;
    private static final long BLOCKS = 1L << 30;
    private static final int MAX_TRANSFER = 1 << 20;
    private static final int MAX_SEGMENTS = 16;
    private static final int MAX_QUEUES = 64;
    private static final int MAX_DEPTH = 1024;
    private static final long PAGE = 4096;

    private final BlockIdentity identity = new BlockIdentity("HELIX NULL", "null", "1", 1, "");
    private final Object pool = new Object();
    private final Arena arena = Arena.ofShared();

    @Override
    public BlockIdentity identity() {
        return identity;
    }

    @Override
    public int blockSize() {
        return BLOCK_SIZE;
    }

    @Override
    public long totalBlocks() {
        return BLOCKS;
    }

    @Override
    public BlockLimits limits() {
        return new BlockLimits(
                MAX_TRANSFER,
                MAX_SEGMENTS,
                4,
                MAX_QUEUES,
                MAX_DEPTH,
                Set.of(BlockOp.FLUSH, BlockOp.DISCARD, BlockOp.WRITE_ZEROES),
                true,
                false,
                BLOCKS);
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        return new NullBlockQueue(options.depth());
    }

    /// All memory goes with this device.
    @Override
    public DmaBuffer allocate(long bytes) {
        var segment = arena.allocate(bytes, PAGE);
        return new DmaBuffer(segment, segment.address(), pool, buffer -> {});
    }

    @Override
    public void close() {
        arena.close();
    }
}
