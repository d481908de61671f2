package helix.driver.api.block;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The plain calls of a [BlockDevice] by way of a queue of its own, for drivers that have no
/// shorter way.
final class PlainTransfer {
    private static final int DEPTH = 4;
    private static final long LIMIT_NANOS = 60_000_000_000L;

    private int firstError = BlockStatus.OK;
    private int done;

    private PlainTransfer() {}

    static void run(BlockDevice device, int op, long lba, MemorySegment memory) {
        new PlainTransfer().transfer(device, op, lba, memory);
    }

    private void transfer(BlockDevice device, int op, long lba, MemorySegment memory) {
        int blockSize = device.blockSize();
        if (memory.byteSize() % blockSize != 0) {
            throw new IllegalArgumentException(
                    memory.byteSize() + " bytes are no multiple of the block size " + blockSize);
        }
        long blocks = memory.byteSize() / blockSize;
        if (lba < 0 || blocks > device.totalBlocks() || lba > device.totalBlocks() - blocks) {
            throw new BlockException(
                    BlockOp.name(op)
                            + " of blocks "
                            + lba
                            + " to "
                            + (lba + blocks)
                            + " of "
                            + device.totalBlocks(),
                    BlockStatus.OUT_OF_RANGE);
        }
        if (op != BlockOp.FLUSH && blocks == 0) {
            return;
        }
        try (BlockQueue queue = device.openQueue(QueueOptions.interrupt(DEPTH))) {
            if (op == BlockOp.FLUSH) {
                one(queue, op, 0, 0, null);
                return;
            }
            long chunk = Math.min(memory.byteSize(), device.limits().maxTransferBytes());
            try (DmaBuffer buffer = device.allocate(chunk)) {
                for (long at = 0; at < memory.byteSize(); at += chunk) {
                    long bytes = Math.min(chunk, memory.byteSize() - at);
                    long first = lba + at / blockSize;
                    if (op == BlockOp.WRITE) {
                        MemorySegment.copy(memory, at, buffer.segment(), 0, bytes);
                    }
                    one(queue, op, first, (int) (bytes / blockSize), buffer);
                    if (op == BlockOp.READ) {
                        MemorySegment.copy(buffer.segment(), 0, memory, at, bytes);
                    }
                }
            }
        }
    }

    private void one(BlockQueue queue, int op, long lba, int blocks, @Nullable DmaBuffer buffer) {
        String what = BlockOp.name(op) + " of " + blocks + " blocks at " + lba;
        done = 0;
        if (!queue.submit(op, 0, lba, blocks, buffer, 0, 0)) {
            throw new BlockException(what, BlockStatus.GENERATION_GONE);
        }
        queue.kick();
        long end = System.nanoTime() + LIMIT_NANOS;
        while (done == 0) {
            queue.poll(this::completed, DEPTH);
            if (done == 0) {
                queue.await(100_000_000);
                if (System.nanoTime() - end > 0) {
                    throw new BlockException(what, BlockStatus.TIMED_OUT);
                }
            }
        }
        if (firstError != BlockStatus.OK) {
            throw new BlockException(what, firstError);
        }
    }

    private void completed(int tag, int status) {
        done++;
        if (status != BlockStatus.OK) {
            firstError = status;
        }
    }
}
