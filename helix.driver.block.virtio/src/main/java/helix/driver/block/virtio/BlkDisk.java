package helix.driver.block.virtio;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The device as others see it.
final class BlkDisk implements BlockDevice {
    private static final String MODEL = "virtio-blk";

    private final BlkDevice device;
    private final PlainCalls plainCalls;
    private final int blockShift;
    private final BlockLimits limits;
    private final BlockIdentity identity;
    private volatile long totalBlocks;

    /// @param serial the serial number, empty if the device has none
    BlkDisk(BlkDevice device, String serial) {
        this.device = device;
        blockShift = device.config().blockShift();
        totalBlocks = device.config().totalBlocks();
        Ring[] rings = device.rings();
        limits = device.config().limits(rings[0].size(), rings.length);
        identity =
                new BlockIdentity(
                        MODEL, serial.isEmpty() ? device.hal().address() : serial, "", 1, "");
        plainCalls = new PlainCalls(device, this);
    }

    PlainCalls plainCalls() {
        return plainCalls;
    }

    int blockShift() {
        return blockShift;
    }

    /// The configuration was read again.
    ///
    /// @return whether the capacity is another
    boolean resize() {
        long now = device.config().totalBlocks();
        boolean changed = now != totalBlocks;
        totalBlocks = now;
        return changed;
    }

    @Override
    public BlockIdentity identity() {
        return identity;
    }

    @Override
    public int blockSize() {
        return 1 << blockShift;
    }

    @Override
    public long totalBlocks() {
        return totalBlocks;
    }

    @Override
    public BlockLimits limits() {
        return limits;
    }

    @Override
    public void readBlock(long lba, MemorySegment target) {
        plainCalls.run(BlockOp.READ, lba, target);
    }

    @Override
    public void writeBlock(long lba, MemorySegment source) {
        plainCalls.run(BlockOp.WRITE, lba, source);
    }

    @Override
    public void flush() {
        plainCalls.flush();
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        if (options.depth() < 1) {
            throw new IllegalArgumentException("queue depth " + options.depth());
        }
        return device.open(this, options);
    }

    @Override
    public @Nullable BlockQueue adoptQueue(long handle) {
        return device.succession().claim(handle);
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return device.hal().allocateShared(bytes);
    }
}
