package helix.driver.block.virtio;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The calls that wait: one at a time, by way of a queue and a buffer of their own. So they work
/// however many queues clients have open.
final class PlainCalls {
    private static final int BUFFER_BYTES = 256 * 1024;
    private static final long LOOK_NANOS = 100_000_000;

    private final BlkDevice device;
    private final BlkDisk disk;
    private final ReentrantLock lock = new ReentrantLock();
    private final BlockQueue.CompletionHandler handler = this::completed;
    private @Nullable ClientQueue queue;
    private @Nullable DmaBuffer buffer;
    private int tag;
    private int status;
    private boolean done;

    PlainCalls(BlkDevice device, BlkDisk disk) {
        this.device = device;
        this.disk = disk;
    }

    /// Waits until no call runs and keeps others from beginning, on this thread.
    ///
    /// @return whether that was so in time; [#resume] is then due
    boolean pause(Duration limit) {
        try {
            return lock.tryLock(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    void resume() {
        lock.unlock();
    }

    /// Reads or writes blocks and waits.
    void run(int op, long lba, MemorySegment memory) {
        int blockSize = disk.blockSize();
        long bytes = memory.byteSize();
        if (bytes % blockSize != 0) {
            throw new IllegalArgumentException(
                    bytes + " bytes are no multiple of the block size " + blockSize);
        }
        long blocks = bytes / blockSize;
        long total = disk.totalBlocks();
        if (lba < 0 || blocks > total || lba > total - blocks) {
            throw new BlockException(
                    "%s: %s of blocks %d to %d of %d"
                            .formatted(
                                    device.hal().name(),
                                    BlockOp.name(op),
                                    lba,
                                    lba + blocks,
                                    total),
                    BlockStatus.OUT_OF_RANGE);
        }
        lock.lock();
        try {
            requireNotOver();
            DmaBuffer staging = buffer();
            long chunk = Math.min(staging.size(), disk.limits().maxTransferBytes());
            for (long at = 0; at < bytes; at += chunk) {
                long n = Math.min(chunk, bytes - at);
                if (op == BlockOp.WRITE) {
                    MemorySegment.copy(memory, at, staging.segment(), 0, n);
                }
                one(op, lba + at / blockSize, (int) (n / blockSize), staging);
                if (op == BlockOp.READ) {
                    MemorySegment.copy(staging.segment(), 0, memory, at, n);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /// Makes acknowledged writes durable and waits.
    void flush() {
        lock.lock();
        try {
            requireNotOver();
            one(BlockOp.FLUSH, 0, 0, null);
        } finally {
            lock.unlock();
        }
    }

    private void requireNotOver() {
        if (device.isOver()) {
            throw new BlockException(device.hal().name(), BlockStatus.GENERATION_GONE);
        }
    }

    private void one(int op, long lba, int blocks, @Nullable DmaBuffer memory) {
        ClientQueue q = queue();
        String what =
                "%s: %s of %d blocks at %d"
                        .formatted(device.hal().name(), BlockOp.name(op), blocks, lba);
        Settings settings = device.settings();
        long limit = settings.requestTimeout().plus(settings.resetTimeout()).toNanos();
        long end = System.nanoTime() + limit;
        done = false;
        tag++;
        while (!q.submit(op, 0, lba, blocks, memory, 0, tag)) {
            if (!q.isOpen()) {
                throw new BlockException(
                        what,
                        device.isGone() ? BlockStatus.DEVICE_GONE : BlockStatus.GENERATION_GONE);
            }
            giveUp(q, what, end, BlockStatus.TIMED_OUT);
            boolean _ = q.await(LOOK_NANOS);
            int _ = q.poll(handler, 1);
        }
        q.kick();
        while (true) {
            int _ = q.poll(handler, 1);
            if (done) {
                break;
            }
            giveUp(q, what, end, BlockStatus.OUTCOME_UNKNOWN);
            boolean _ = q.await(LOOK_NANOS);
        }
        if (status != BlockStatus.OK) {
            throw new BlockException(what, status);
        }
    }

    /// Ends a wait that no reset ended. The buffer stays with the request, and the next call has
    /// another.
    private void giveUp(ClientQueue q, String what, long end, int reason) {
        if (System.nanoTime() - end >= 0) {
            device.fault(what + " did not end");
            if (q.inFlight() > 0) {
                buffer = null;
            }
            throw new BlockException(what, reason);
        }
    }

    private void completed(int endedTag, int result) {
        if (endedTag == tag) {
            status = result;
            done = true;
        }
    }

    private DmaBuffer buffer() {
        DmaBuffer b = buffer;
        if (b == null) {
            b = device.hal().allocate(BUFFER_BYTES);
            buffer = b;
        }
        return b;
    }

    private ClientQueue queue() {
        ClientQueue q = queue;
        if (q == null) {
            q = device.openPlain(disk, 1);
            queue = q;
        }
        return q;
    }
}
