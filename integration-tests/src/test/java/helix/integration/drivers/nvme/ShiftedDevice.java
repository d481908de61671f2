package helix.integration.drivers.nvme;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// A device whose reads give the blocks beside those that were asked for.
final class ShiftedDevice implements BlockDevice {
    private final BlockDevice device;

    ShiftedDevice(BlockDevice device) {
        this.device = device;
    }

    private long beside(long lba, long blocks) {
        return lba + blocks < device.totalBlocks() ? lba + 1 : lba - 1;
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
    public void readBlock(long lba, MemorySegment target) {
        device.readBlock(beside(lba, target.byteSize() / blockSize()), target);
    }

    @Override
    public void writeBlock(long lba, MemorySegment source) {
        device.writeBlock(lba, source);
    }

    @Override
    public void flush() {
        device.flush();
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        return new Queue(device.openQueue(options));
    }

    @Override
    public @Nullable BlockQueue adoptQueue(long handle) {
        BlockQueue queue = device.adoptQueue(handle);
        return queue == null ? null : new Queue(queue);
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return device.allocate(bytes);
    }

    private final class Queue implements BlockQueue {
        private final BlockQueue queue;

        Queue(BlockQueue queue) {
            this.queue = queue;
        }

        @Override
        public int depth() {
            return queue.depth();
        }

        @Override
        public int inFlight() {
            return queue.inFlight();
        }

        @Override
        public boolean submit(
                int op,
                int flags,
                long lba,
                int blocks,
                @Nullable DmaBuffer buffer,
                long offset,
                int tag) {
            long at = op == BlockOp.READ ? beside(lba, blocks) : lba;
            return queue.submit(op, flags, at, blocks, buffer, offset, tag);
        }

        @Override
        public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
            long at = op == BlockOp.READ ? beside(lba, blocks) : lba;
            return queue.submit(op, flags, at, blocks, list, tag);
        }

        @Override
        public void kick() {
            queue.kick();
        }

        @Override
        public int poll(CompletionHandler handler, int max) {
            return queue.poll(handler, max);
        }

        @Override
        public boolean await(long nanos) {
            return queue.await(nanos);
        }

        @Override
        public void wake() {
            queue.wake();
        }

        @Override
        public long handle() {
            return queue.handle();
        }

        @Override
        public boolean isOpen() {
            return queue.isOpen();
        }

        @Override
        public void close() {
            queue.close();
        }
    }
}
