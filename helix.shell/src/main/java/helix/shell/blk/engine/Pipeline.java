package helix.shell.blk.engine;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/// Moves a range of blocks in chunks, several of them in flight. For one thread.
final class Pipeline implements AutoCloseable {
    private static final int DEPTH = 8;
    private static final int MOST_CHUNK_BYTES = 1 << 20;
    private static final long PAUSE_NANOS = 50_000_000;

    /// A device with a deadline of its own ends requests much sooner.
    private static final long LIMIT_NANOS = Duration.ofSeconds(60).toNanos();

    /// Work on a chunk, before it is written or after it was read.
    @FunctionalInterface
    interface Work {
        void on(Chunk chunk) throws IOException;
    }

    /// A piece of memory and the blocks that it now stands for.
    static final class Chunk {
        private final DmaBuffer buffer;
        private final ByteBuffer view;
        private long lba;
        private int blocks;
        private int status;

        Chunk(DmaBuffer buffer) {
            this.buffer = buffer;
            view = buffer.segment().asByteBuffer();
        }

        MemorySegment memory() {
            return buffer.segment();
        }

        /// The same memory.
        ///
        /// @param from the first byte
        /// @param to after the last byte
        ByteBuffer view(int from, int to) {
            return view.clear().position(from).limit(to);
        }

        long lba() {
            return lba;
        }

        int blocks() {
            return blocks;
        }
    }

    private final BlockQueue queue;
    private final int blockSize;
    private final int chunkBlocks;
    private final boolean flushes;
    private final Chunk[] chunks;

    /// Numbers of the chunks that are idle, in the first [#idleCount] elements.
    private final int[] idle;

    /// Numbers of the chunks whose request has ended, in the first [#endedCount] elements.
    private final int[] ended;

    private int idleCount;
    private int endedCount;
    private final BlockQueue.CompletionHandler onCompletion = this::completed;

    Pipeline(BlockDevice device) {
        blockSize = device.blockSize();
        int bytes = Math.min(device.limits().maxTransferBytes(), MOST_CHUNK_BYTES);
        chunkBlocks = Math.max(1, bytes / blockSize);
        flushes = device.limits().supports(BlockOp.FLUSH);
        queue =
                device.openQueue(
                        QueueOptions.interrupt(Math.min(DEPTH, device.limits().maxQueueDepth())));
        chunks = new Chunk[queue.depth()];
        idle = new int[chunks.length];
        ended = new int[chunks.length];
        try {
            while (idleCount < chunks.length) {
                chunks[idleCount] = new Chunk(device.allocate((long) chunkBlocks * blockSize));
                idle[idleCount] = idleCount;
                idleCount++;
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /// Moves blocks and works on each chunk.
    ///
    /// @param op READ: the work follows; WRITE: the work comes before
    /// @param lba the first block
    /// @param count how many
    /// @throws BlockException if a request failed; others may have been done
    /// @throws CancellationException if the signal said so
    void run(int op, long lba, long count, Work work, Progress progress, CancelSignal cancel)
            throws IOException {
        long total = count * blockSize;
        long begun = 0;
        long done = 0;
        while (done < count) {
            if (cancel.isCancelled()) {
                throw new CancellationException(
                        "cancelled after " + done * blockSize + " of " + total + " bytes");
            }
            while (idleCount > 0 && begun < count) {
                Chunk chunk = chunks[idle[idleCount - 1]];
                chunk.lba = lba + begun;
                chunk.blocks = (int) Math.min(chunkBlocks, count - begun);
                if (op == BlockOp.WRITE) {
                    work.on(chunk);
                }
                submit(op, chunk);
                begun += chunk.blocks;
            }
            awaitSome(cancel);
            while (endedCount > 0) {
                int number = ended[--endedCount];
                Chunk chunk = chunks[number];
                if (chunk.status != BlockStatus.OK) {
                    throw failed(op, chunk, chunk.status);
                }
                if (op == BlockOp.READ) {
                    work.on(chunk);
                }
                done += chunk.blocks;
                idle[idleCount++] = number;
            }
            progress.moved(done * blockSize, total);
        }
    }

    /// Makes what was written durable, where the device has a cache.
    void flush(CancelSignal cancel) {
        if (!flushes) {
            return;
        }
        Chunk none = chunks[idle[idleCount - 1]];
        none.lba = 0;
        none.blocks = 0;
        submit(BlockOp.FLUSH, none);
        awaitSome(cancel);
        idle[idleCount++] = ended[--endedCount];
        if (none.status != BlockStatus.OK) {
            throw new BlockException("flush", none.status);
        }
    }

    private void submit(int op, Chunk chunk) {
        int number = idle[idleCount - 1];
        @Nullable DmaBuffer buffer = op == BlockOp.FLUSH ? null : chunk.buffer;
        if (!queue.submit(op, 0, chunk.lba, chunk.blocks, buffer, 0, number)) {
            throw failed(op, chunk, BlockStatus.GENERATION_GONE);
        }
        idleCount--;
    }

    private static BlockException failed(int op, Chunk chunk, int status) {
        return new BlockException(
                BlockOp.name(op) + " of " + chunk.blocks + " blocks at " + chunk.lba, status);
    }

    private void awaitSome(CancelSignal cancel) {
        queue.kick();
        long end = System.nanoTime() + LIMIT_NANOS;
        while (queue.poll(onCompletion, chunks.length) == 0) {
            queue.await(PAUSE_NANOS);
            // Also while a device does not answer at all.
            if (cancel.isCancelled()) {
                throw new CancellationException(
                        "cancelled with " + queue.inFlight() + " requests in flight");
            }
            if (System.nanoTime() - end > 0) {
                throw new BlockException(
                        queue.inFlight() + " requests in flight", BlockStatus.TIMED_OUT);
            }
        }
    }

    private void completed(int number, int status) {
        chunks[number].status = status;
        ended[endedCount++] = number;
    }

    /// Ends what is in flight and gives the memory back.
    @Override
    public void close() {
        try {
            queue.close();
        } finally {
            for (Chunk chunk : chunks) {
                if (chunk != null) {
                    chunk.buffer.close();
                }
            }
        }
    }
}
