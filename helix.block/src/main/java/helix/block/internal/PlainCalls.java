package helix.block.internal;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The calls that wait, by way of a queue of their own: so they park, are replayed and counted like
/// all others. One at a time.
final class PlainCalls {
    private static final int MOST_BYTES = 256 * 1024;
    private static final long NAP_NANOS = 100_000_000;

    /// Beyond the time that requests wait for a driver.
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final DiskAccess access;
    private final StableDisk disk;
    private final ReentrantLock lock = new ReentrantLock();
    private final BlockQueue.CompletionHandler handler = this::completed;
    private @Nullable DiskQueue queue;
    private @Nullable DmaBuffer memory;
    private boolean ended;
    private int status;

    PlainCalls(DiskAccess access) {
        this.access = access;
        disk = access.disk();
    }

    /// Reads, writes or flushes.
    void transfer(int op, long lba, MemorySegment client) {
        int blockSize = disk.blockSize();
        long bytes = client.byteSize();
        if (bytes % blockSize != 0) {
            throw new IllegalArgumentException(
                    bytes + " bytes are no multiple of the block size " + blockSize);
        }
        checkRange(op, lba, bytes / blockSize);
        lock.lock();
        try {
            if (op == BlockOp.FLUSH) {
                run(op, 0, 0, null);
                return;
            }
            int most = Math.min(MOST_BYTES, access.limits().maxTransferBytes());
            for (long at = 0; at < bytes; at += most) {
                int now = (int) Math.min(most, bytes - at);
                DmaBuffer buffer = memory(now);
                if (op == BlockOp.WRITE) {
                    MemorySegment.copy(client, at, buffer.segment(), 0, now);
                }
                run(op, lba + at / blockSize, now / blockSize, buffer);
                if (op == BlockOp.READ) {
                    MemorySegment.copy(buffer.segment(), 0, client, at, now);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private void checkRange(int op, long lba, long blocks) {
        long total = disk.totalBlocks();
        if (lba < 0 || blocks > total || lba > total - blocks) {
            throw new BlockException(
                    BlockOp.name(op)
                            + " of blocks "
                            + lba
                            + " to "
                            + (lba + blocks)
                            + " of the "
                            + total
                            + " of "
                            + disk.name(),
                    BlockStatus.OUT_OF_RANGE);
        }
    }

    private DmaBuffer memory(int bytes) {
        DmaBuffer known = memory;
        if (known != null && known.size() >= bytes) {
            return known;
        }
        DmaBuffer larger = access.allocate(bytes);
        memory = larger;
        if (known != null) {
            known.close();
        }
        return larger;
    }

    private void run(int op, long lba, int blocks, @Nullable DmaBuffer buffer) {
        DiskQueue to = queue;
        if (to == null) {
            to = access.open(QueueOptions.interrupt(1));
            queue = to;
        }
        String what = BlockOp.name(op) + " of " + blocks + " blocks at " + lba;
        ended = false;
        if (!to.submit(op, 0, lba, blocks, buffer, 0, 0)) {
            throw unavailable(what, BlockStatus.DEVICE_GONE);
        }
        to.kick();
        long end = System.nanoTime() + LIMIT_NANOS + disk.parkNanos();
        while (!ended) {
            if (to.poll(handler, 1) == 0) {
                to.await(NAP_NANOS);
                if (System.nanoTime() - end > 0) {
                    giveUp();
                    throw new BlockException(what, BlockStatus.TIMED_OUT);
                }
            }
        }
        if (status != BlockStatus.OK) {
            throw unavailable(what, status);
        }
    }

    private RuntimeException unavailable(String what, int why) {
        return why == BlockStatus.DEVICE_GONE
                ? new DeviceGoneException(disk.name() + " is absent: " + what)
                : new BlockException(disk.name() + ": " + what, why);
    }

    private void completed(int tag, int how) {
        ended = true;
        status = how;
    }

    /// The queue has a request that does not end; its memory is its own.
    private void giveUp() {
        DiskQueue stuck = queue;
        DmaBuffer held = memory;
        queue = null;
        memory = null;
        if (held != null) {
            held.close();
        }
        if (stuck != null) {
            stuck.close();
        }
    }

    void close() {
        lock.lock();
        try {
            giveUp();
        } finally {
            lock.unlock();
        }
    }
}
