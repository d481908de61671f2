package helix.block.nbd.internal;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The serving side of a connection in the transmission phase: the thread that owns the disk's
/// queue. It submits what the [Receiver] hands over, polls, and sends replies.
final class Transmission implements Receiver.Handover {
    private static final Logger LOG = LoggerFactory.getLogger(Transmission.class);

    /// How long a wake-up may be lost for, where the disk's queue cannot be woken.
    private static final long AWAIT_NANOS = 1_000_000;

    private static final long PARK_NANOS = 1_000_000_000;
    private static final long SEND_MILLIS = 100;

    /// How long what is in flight may take when the server stops.
    private static final Duration DRAIN = Duration.ofSeconds(3);

    private static final int RUNNING = 0;
    private static final int IN_QUEUE = 1;
    private static final int PARKED = 2;

    private final Wire wire;
    private final Profile profile;
    private final RequestPool pool;
    private final ExportCounters counters;
    private final Handshake.Opening opening;
    private final Replies replies;
    private final Receiver receiver;
    private final RequestRing arrived;
    private final BlockLimits limits;
    private final int blockSize;
    private final BlockQueue.CompletionHandler onCompletion = this::completed;

    /// Requests that wait for room in the queue, in order, from [#todoFirst] on.
    private final @Nullable Request[] todo;

    private int todoFirst;
    private int todoCount;

    /// Woken by the receiver.
    private volatile BlockQueue queue;

    private boolean kickOwed;
    private final Thread owner = Thread.currentThread();
    private volatile int state = RUNNING;

    /// Begins, on the thread that will serve.
    Transmission(
            Wire wire,
            Profile profile,
            RequestPool pool,
            ExportCounters counters,
            Handshake.Agreement agreement,
            Handshake.Opening opening) {
        this.wire = wire;
        this.profile = profile;
        this.pool = pool;
        this.counters = counters;
        this.opening = opening;
        limits = profile.limits();
        blockSize = profile.blockSize();
        queue = agreement.queue();
        replies = new Replies(wire, pool, agreement.structured());
        receiver = new Receiver(wire, profile, pool, this, agreement.blockStatus());
        arrived = new RequestRing(pool.size());
        todo = new Request[pool.size()];
    }

    Receiver receiver() {
        return receiver;
    }

    // ---- What the receiving thread does

    @Override
    public void accept(Request request) {
        arrived.put(request);
        wake();
    }

    @Override
    public void ended() {
        wake();
    }

    @Override
    public void violated(String what) {
        counters.violation();
        LOG.warn("{}: a client is cut off: {}", profile.name(), what);
    }

    private void wake() {
        int now = state;
        if (now == IN_QUEUE) {
            queue.wake();
        } else if (now == PARKED) {
            LockSupport.unpark(owner);
        }
    }

    // ---- What the serving thread does

    /// Serves until the client goes, or until it is told to stop and what was in flight is
    /// answered.
    void run() throws IOException {
        @Nullable Deadline drained = null;
        while (receiver.end() != Receiver.End.BROKEN) {
            // Asked for before the look at what there is: the receiver hands over, then ends.
            boolean ended = receiver.end() == Receiver.End.CLEAN;
            if (serve()) {
                continue;
            }
            if (ended && isIdle()) {
                return;
            }
            if (receiver.isStopping()) {
                if (drained == null) {
                    drained = Deadline.after(DRAIN);
                } else if (drained.isExpired()) {
                    LOG.warn("{}: {} requests unanswered", profile.name(), queue.inFlight());
                    return;
                }
            }
            pause();
        }
    }

    private boolean isIdle() {
        return todoCount == 0 && replies.isEmpty() && queue.inFlight() == 0;
    }

    private boolean serve() throws IOException {
        boolean progress = collect();
        progress |= submitAll();
        if (queue.inFlight() > 0) {
            progress |= queue.poll(onCompletion, pool.size()) > 0;
        }
        progress |= replies.send();
        return progress;
    }

    private void pause() throws IOException {
        if (!replies.isEmpty()) {
            wire.awaitWritable(SEND_MILLIS);
        } else if (queue.inFlight() > 0) {
            state = IN_QUEUE;
            if (arrived.isEmpty()) {
                boolean _ = queue.await(AWAIT_NANOS);
            }
            state = RUNNING;
        } else {
            state = PARKED;
            if (arrived.isEmpty() && receiver.end() == Receiver.End.NONE) {
                LockSupport.parkNanos(this, PARK_NANOS);
            }
            state = RUNNING;
        }
    }

    private boolean collect() {
        boolean any = false;
        for (Request r = arrived.take(); r != null; r = arrived.take()) {
            enqueue(r);
            any = true;
        }
        return any;
    }

    private void enqueue(Request request) {
        request.waiting = true;
        todo[(todoFirst + todoCount) % todo.length] = request;
        todoCount++;
    }

    private boolean submitAll() {
        boolean any = false;
        kickOwed = false;
        while (todoCount > 0) {
            Request request = Objects.requireNonNull(todo[todoFirst]);
            if (!submit(request)) {
                break;
            }
            any = true;
            todo[todoFirst] = null;
            todoFirst = (todoFirst + 1) % todo.length;
            todoCount--;
            request.waiting = false;
            if (request.parts == 0) {
                finish(request);
            }
        }
        if (kickOwed) {
            queue.kick();
        }
        return any || kickOwed;
    }

    /// Submits what is not submitted yet of a request.
    ///
    /// @return false if the queue has no room
    private boolean submit(Request request) {
        if (request.error != 0) {
            return true;
        }
        if (request.flushing || request.type == Nbd.CMD_FLUSH) {
            return !limits.supports(BlockOp.FLUSH) || submitPart(request, BlockOp.FLUSH, 0, 0, 0);
        }
        return switch (request.type) {
            case Nbd.CMD_READ -> submitParts(request, BlockOp.READ, 0, limits.maxTransferBytes());
            case Nbd.CMD_WRITE ->
                    submitParts(request, BlockOp.WRITE, fua(request), limits.maxTransferBytes());
            case Nbd.CMD_TRIM -> submitParts(request, BlockOp.DISCARD, 0, mostDiscardBytes());
            case Nbd.CMD_WRITE_ZEROES ->
                    submitParts(request, BlockOp.WRITE_ZEROES, 0, mostDiscardBytes());
            default -> true;
        };
    }

    private long mostDiscardBytes() {
        return Math.min(limits.maxDiscardBlocks(), Integer.MAX_VALUE) * blockSize;
    }

    private int fua(Request request) {
        return request.hasFlag(Nbd.CMD_FLAG_FUA) && limits.forceUnitAccess() ? BlockOp.FUA : 0;
    }

    private boolean submitParts(Request request, int op, int flags, long most) {
        while (request.submitted < request.length && request.error == 0) {
            long bytes = Math.min(request.length - request.submitted, most);
            long lba = (request.offset + request.submitted) / blockSize;
            if (!submitPart(request, op, flags, lba, (int) (bytes / blockSize))) {
                return false;
            }
            request.submitted += bytes;
        }
        return true;
    }

    private boolean submitPart(Request request, int op, int flags, long lba, int blocks) {
        if (!trySubmit(request, op, flags, lba, blocks)) {
            if (queue.inFlight() > 0) {
                return false;
            }
            // With nothing in flight a queue takes anything, unless it is dead.
            if (!reopen(request) || !trySubmit(request, op, flags, lba, blocks)) {
                request.fail(Nbd.EIO);
                return true;
            }
        }
        request.parts++;
        kickOwed = true;
        return true;
    }

    private boolean trySubmit(Request request, int op, int flags, long lba, int blocks) {
        boolean moves = op == BlockOp.READ || op == BlockOp.WRITE;
        return queue.submit(
                op,
                flags,
                lba,
                blocks,
                moves ? request.memory : null,
                moves ? request.submitted : 0,
                request.index);
    }

    /// Replaces a queue that died with the device behind it.
    private boolean reopen(Request request) {
        try {
            queue.close();
            queue = opening.open();
            return true;
        } catch (DeviceException e) {
            LOG.debug("{}: no queue: {}", profile.name(), e.toString());
            request.fail(e instanceof DeviceGoneException ? Nbd.ESHUTDOWN : Nbd.EIO);
            return false;
        }
    }

    private void completed(int tag, int status) {
        Request request = pool.get(tag);
        request.parts--;
        if (status != BlockStatus.OK) {
            request.fail(Errors.of(status));
        }
        if (request.parts == 0 && !request.waiting) {
            finish(request);
        }
    }

    /// Nothing of the request is in flight any more, and nothing will be.
    private void finish(Request request) {
        if (request.error == 0 && !request.flushing && needsFlush(request)) {
            request.flushing = true;
            enqueue(request);
            return;
        }
        counters.answered(request);
        replies.add(request);
    }

    /// Whether what the request did is made durable by a flush after it.
    private boolean needsFlush(Request request) {
        if (!request.hasFlag(Nbd.CMD_FLAG_FUA) || !limits.volatileCache()) {
            return false;
        }
        return switch (request.type) {
            case Nbd.CMD_WRITE -> !limits.forceUnitAccess();
            case Nbd.CMD_TRIM, Nbd.CMD_WRITE_ZEROES -> true;
            default -> false;
        };
    }

    /// Ends the disk's queue. What is in flight there ends with it.
    void closeQueue() {
        queue.close();
    }
}
