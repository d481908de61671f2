package helix.driver.block.nvme;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.modules.api.StateReader;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The calls that wait, for all namespaces of a controller: one at a time, by way of a queue and a
/// buffer of their own. So they work however many queues clients have open.
final class PlainCalls {
    static final int DEPTH = 4;
    private static final int BUFFER_BYTES = 256 * 1024;
    private static final long LOOK_NANOS = 100_000_000;

    private final Controller controller;
    private final Pairs pairs;
    private final @Nullable SharedPair shared;
    private final ReentrantLock lock = new ReentrantLock();
    private final BlockQueue.CompletionHandler handler = this::completed;
    private @Nullable BlockQueue queue;
    private @Nullable DmaBuffer buffer;
    private int tag;
    private int status;
    private boolean done;

    PlainCalls(Controller controller) {
        this.controller = controller;
        pairs = controller.pairs();
        shared = pairs.isSingle() ? new SharedPair(pairs) : null;
    }

    /// Opens a queue for a client, which on a controller with one pair is shared with the plain
    /// calls.
    BlockQueue openForClient(Namespace namespace, QueueOptions options) {
        return shared != null
                ? shared.openClient(namespace, options.depth())
                : pairs.open(namespace, options, false);
    }

    // ---- From one generation to the next

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

    /// The pair, if it is open and not shared.
    @Nullable IoQueue pair() {
        return queue instanceof IoQueue io && io.state() < QueueLife.ENDED ? io : null;
    }

    /// What the next generation needs to use the pair and the buffer.
    PlainState save() {
        IoQueue pair = pair();
        int id = pair == null || pair.state() != QueueLife.OPEN ? 0 : pair.id;
        DmaBuffer b = buffer;
        return new PlainState(id, tag, b != null, b == null ? 0 : b.address());
    }

    /// Takes over what the generation before had open.
    void restore(PlainState saved) {
        tag = saved.tag();
        if (saved.queue() != 0) {
            queue = pairs.queue(saved.queue());
            StateReader.require(queue != null, "queue of the plain calls", saved.queue());
        }
        if (saved.hasBuffer()) {
            DmaBuffer b = controller.hal().adopt(saved.buffer());
            StateReader.require(b.size() >= BUFFER_BYTES, "bytes of the plain buffer", b.size());
            buffer = b;
        }
    }

    // ---- The calls

    /// Reads or writes blocks and waits.
    void run(Namespace namespace, int op, long lba, MemorySegment memory) {
        int blockSize = namespace.blockSize();
        long bytes = memory.byteSize();
        if (bytes % blockSize != 0) {
            throw new IllegalArgumentException(
                    bytes + " bytes are no multiple of the block size " + blockSize);
        }
        long blocks = bytes / blockSize;
        long total = namespace.totalBlocks();
        if (lba < 0 || blocks > total || lba > total - blocks) {
            throw new BlockException(
                    "%s: %s of blocks %d to %d of %d"
                            .formatted(namespace, BlockOp.name(op), lba, lba + blocks, total),
                    BlockStatus.OUT_OF_RANGE);
        }
        lock.lock();
        try {
            requireNotPassed(namespace);
            DmaBuffer staging = buffer();
            long chunk = Math.min(staging.size(), namespace.limits().maxTransferBytes());
            for (long at = 0; at < bytes; at += chunk) {
                long n = Math.min(chunk, bytes - at);
                if (op == BlockOp.WRITE) {
                    MemorySegment.copy(memory, at, staging.segment(), 0, n);
                }
                one(namespace, op, lba + at / blockSize, (int) (n / blockSize), staging);
                if (op == BlockOp.READ) {
                    MemorySegment.copy(staging.segment(), 0, memory, at, n);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /// Makes acknowledged writes durable and waits.
    void flush(Namespace namespace) {
        lock.lock();
        try {
            requireNotPassed(namespace);
            one(namespace, BlockOp.FLUSH, 0, 0, null);
        } finally {
            lock.unlock();
        }
    }

    private void requireNotPassed(Namespace namespace) {
        if (controller.phase() == Controller.Phase.PASSED) {
            throw new BlockException(namespace.name(), BlockStatus.GENERATION_GONE);
        }
    }

    private void one(
            Namespace namespace, int op, long lba, int blocks, @Nullable DmaBuffer memory) {
        BlockQueue q = queue(namespace);
        String what =
                "%s: %s of %d blocks at %d".formatted(namespace, BlockOp.name(op), blocks, lba);
        // A command that times out is aborted, and if need be the controller is reset.
        Settings settings = controller.settings();
        long limit =
                settings.ioTimeout()
                        .plus(settings.abortGrace())
                        .plus(controller.capabilities().timeout())
                        .toNanos();
        long end = System.nanoTime() + limit;
        done = false;
        tag++;
        while (!q.submit(op, 0, lba, blocks, memory, 0, tag)) {
            if (!q.isOpen()) {
                int reason = namespace.isPresent() ? controller.refusal() : BlockStatus.DEVICE_GONE;
                throw new BlockException(what, reason);
            }
            giveUp(q, what, end, BlockStatus.TIMED_OUT);
            q.await(LOOK_NANOS);
        }
        q.kick();
        while (true) {
            q.poll(handler, DEPTH);
            if (done) {
                break;
            }
            giveUp(q, what, end, BlockStatus.OUTCOME_UNKNOWN);
            q.await(LOOK_NANOS);
        }
        if (status != BlockStatus.OK) {
            throw new BlockException(what, status);
        }
    }

    /// Ends a wait that no reset ended: the machine does not answer. The buffer stays with the
    /// request, and the next call has another.
    private void giveUp(BlockQueue q, String what, long end, int reason) {
        if (System.nanoTime() - end >= 0) {
            controller.fault(what + " did not end");
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
            b =
                    controller
                            .hal()
                            .allocate(
                                    BUFFER_BYTES, controller.pageBytes(), controller.addressBits());
            buffer = b;
        }
        return b;
    }

    private BlockQueue queue(Namespace namespace) {
        BlockQueue q = queue;
        if (q instanceof IoQueue io && io.state() >= QueueLife.ENDED) {
            io.close();
            q = null;
        } else if (q != null && shared != null && shared.hasEnded(q)) {
            q = null;
        }
        if (q == null) {
            q =
                    shared != null
                            ? shared.openPlain(namespace)
                            : pairs.open(namespace, QueueOptions.interrupt(DEPTH), true);
            queue = q;
        }
        if (q instanceof IoQueue io) {
            io.target(namespace);
        } else if (shared != null) {
            shared.target(q, namespace);
        }
        return q;
    }
}
