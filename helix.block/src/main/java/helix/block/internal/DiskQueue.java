package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// A client's queue. It outlives the queues of devices: requests go through a [Lane], and wait in
/// here while that is closed.
///
/// What is not said to be the owner's is guarded by the lane's gate.
final class DiskQueue implements BlockQueue {
    /// How often a request is submitted again before its client hears of it.
    static final int MOST_REPLAYS = 5;

    private static final long NONE = Long.MAX_VALUE;
    private static final int OLDEST_EVERY = 64;
    private static final long CLOSE_MILLIS = 60_000;

    private static final VarHandle OLDEST;

    static {
        try {
            OLDEST = MethodHandles.lookup().findVarHandle(DiskQueue.class, "oldest", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final DiskAccess access;
    private final StableDisk disk;
    private final ReplayOrder order;
    private final RequestCheck check;
    private final Request[] requests;

    /// Where requests go. Changed by the disk while it has entered both lanes.
    private volatile Lane lane;

    private int index;

    /// Requests without work, in the first [#freeCount] elements.
    private final Request[] free;

    private int freeCount;
    private final RequestRing waiting;
    private final RequestRing lost;
    private final RequestRing done;

    /// Whether something was submitted that the device may not have seen.
    private boolean unkicked;

    private int sinceOldest;

    /// No request here is older, see [ReplayOrder]. Written by the owner, read by all.
    @SuppressWarnings("unused")
    private volatile long oldest = NONE;

    // The owner's.
    private final ReadyRing ready;
    private final OwnerWait ownerWait = new OwnerWait(this);

    /// The time of the requests submitted now; read once until the next kick, poll or await.
    private long now;

    private final AtomicBoolean closed = new AtomicBoolean();

    /// Makes a queue for a lane that the caller has entered or nobody else knows.
    DiskQueue(DiskAccess access, Lane lane, RequestCheck check, int depth) {
        this.access = access;
        this.lane = lane;
        this.check = check;
        disk = access.disk();
        order = disk.order();
        requests = new Request[depth];
        free = new Request[depth];
        for (int i = 0; i < depth; i++) {
            requests[i] = new Request(this, i);
            free[i] = requests[i];
        }
        freeCount = depth;
        waiting = new RequestRing(depth);
        lost = new RequestRing(depth);
        done = new RequestRing(depth);
        ready = new ReadyRing(depth);
        index = lane.add(this);
    }

    // ---- For the lane

    int index() {
        return index;
    }

    Request request(int slot) {
        return requests[slot];
    }

    long oldest() {
        return oldest;
    }

    Lane lane() {
        return lane;
    }

    /// Moves to another lane; both are entered, and the caller abandons the one before.
    void moveTo(Lane other) {
        lane.remove(this);
        index = other.add(this);
        lane = other;
    }

    /// The same place in a lane that replaces another.
    void follow(Lane other) {
        lane = other;
    }

    boolean hasWaiting() {
        return !waiting.isEmpty();
    }

    Request firstWaiting() {
        return waiting.first();
    }

    Request takeWaiting() {
        return waiting.take();
    }

    void waitFirst(Request request) {
        request.state = Request.WAITING;
        waiting.addFirst(request);
    }

    void lose(Request request) {
        request.state = Request.LOST;
        lost.add(request);
    }

    boolean hasLost() {
        return !lost.isEmpty();
    }

    Request takeLost() {
        return lost.take();
    }

    void loseIssued() {
        long time = System.nanoTime();
        for (Request request : requests) {
            if (request.state == Request.ISSUED) {
                request.since = time;
                lose(request);
            }
        }
    }

    void done(Request request) {
        done.add(request);
    }

    void endAll(Lane in, int state, int status, long time) {
        for (Request request : requests) {
            if (request.state == state) {
                in.end(request, status, time);
            }
        }
    }

    /// Ends what the device does not have.
    void failHeldBack(Lane in, int status, long time) {
        while (!lost.isEmpty()) {
            in.end(lost.take(), status, time);
        }
        while (!waiting.isEmpty()) {
            in.end(waiting.take(), status, time);
        }
    }

    /// Ends what has waited too long; the reset of what is lost is known.
    void expireWaiting(Lane in, long time, long parkNanos) {
        while (!lost.isEmpty() && time - lost.first().since > parkNanos) {
            in.end(lost.take(), BlockStatus.GENERATION_GONE, time);
        }
        while (!waiting.isEmpty() && time - waiting.first().since > parkNanos) {
            in.end(waiting.take(), BlockStatus.GENERATION_GONE, time);
        }
    }

    /// Whether a request of these may change blocks of a range, now or later.
    boolean mayChange(long lba, long blocks) {
        for (Request request : requests) {
            if (request.state != Request.FREE
                    && request.state != Request.DONE
                    && request.changesBlocks()
                    && request.lba < lba + blocks
                    && lba < request.lba + request.blocks) {
                return true;
            }
        }
        return false;
    }

    void wakeOwner() {
        ownerWait.wake();
    }

    // ---- The client's side

    /// Enters the lane.
    ///
    /// @return null if the queue is closed and its lane is no more
    private @Nullable Lane enter() {
        for (int i = 0; ; i++) {
            Lane next = lane;
            if (next.enter()) {
                if (isIn(next)) {
                    return next;
                }
                next.leave();
            } else if (closed.get()) {
                return null;
            }
            Gate.pause(i);
        }
    }

    @SuppressWarnings("ReferenceEquality") // lanes are identities
    boolean isIn(Lane other) {
        return lane == other;
    }

    @Override
    public int depth() {
        return requests.length;
    }

    @Override
    public int inFlight() {
        return requests.length - freeCount;
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
        Lane in = enter();
        if (in == null) {
            return false;
        }
        try {
            if (!canTake(in)) {
                return false;
            }
            Request request = begin(op, flags, lba, blocks, tag);
            if (refused(in, request)) {
                return true;
            }
            try {
                if (buffer != null) {
                    check.memory(op, blocks, buffer, offset);
                    request.holdSingle(buffer, offset);
                }
                take(in, request, buffer != null);
                return true;
            } catch (RuntimeException e) {
                giveBack(request);
                throw e;
            }
        } finally {
            in.leave();
        }
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        Lane in = enter();
        if (in == null) {
            return false;
        }
        try {
            if (!canTake(in)) {
                return false;
            }
            Request request = begin(op, flags, lba, blocks, tag);
            if (refused(in, request)) {
                return true;
            }
            try {
                check.memory(op, blocks, list);
                request.holdPieces(list, check.maxSegments());
                take(in, request, true);
                return true;
            } catch (RuntimeException e) {
                giveBack(request);
                throw e;
            }
        } finally {
            in.leave();
        }
    }

    private boolean canTake(Lane in) {
        return freeCount > 0 && in.mode() != Lane.Mode.GONE && !closed.get();
    }

    private Request begin(int op, int flags, long lba, int blocks, int tag) {
        int count = freeCount;
        if (count == requests.length) {
            // Before the clock is read: nobody forgets what this request may have to know of.
            OLDEST.setVolatile(this, order.now());
        }
        if (now == 0) {
            now = System.nanoTime();
        }
        Request request = free[count - 1];
        request.begin(op, flags, lba, blocks, tag);
        request.clock = order.now();
        request.time = now;
        freeCount = count - 1;
        return request;
    }

    private void giveBack(Request request) {
        request.drop();
        release(request);
    }

    private void release(Request request) {
        request.state = Request.FREE;
        int count = freeCount;
        free[count] = request;
        freeCount = count + 1;
        if (count + 1 == requests.length) {
            OLDEST.setRelease(this, NONE);
        } else if (++sinceOldest >= OLDEST_EVERY) {
            sinceOldest = 0;
            updateOldest();
        }
    }

    private void updateOldest() {
        long least = NONE;
        for (Request request : requests) {
            if (request.state != Request.FREE) {
                least = Math.min(least, request.clock);
            }
        }
        OLDEST.setRelease(this, least);
    }

    /// Ends a request here if the disk itself refuses it. What is wrong with it beside its range is
    /// the device's to say.
    private boolean refused(Lane in, Request request) {
        int status = BlockStatus.OK;
        if (!access.mayWrite() && request.op != BlockOp.READ && changes(request.op)) {
            status = BlockStatus.READ_ONLY;
        } else if (check.isBeyondEnd(request, disk)) {
            status = BlockStatus.OUT_OF_RANGE;
        }
        if (status == BlockStatus.OK) {
            return false;
        }
        request.blocks = 0;
        in.end(request, status, request.time);
        return true;
    }

    private static boolean changes(int op) {
        return op != BlockOp.COMPARE && op != BlockOp.FLUSH;
    }

    /// Gives a request to the device, or lets it wait.
    private void take(Lane in, Request request, boolean withMemory) {
        if (in.mode() == Lane.Mode.OPEN
                && waiting.isEmpty()
                && !order.holdsBack(request)
                && in.issue(request, index)) {
            unkicked = true;
            return;
        }
        check.all(request, withMemory);
        request.state = Request.WAITING;
        request.since = request.time;
        waiting.add(request);
        // Asking may be where the lane is given up.
        if (!in.isServing() && in.holdsGate()) {
            in.tally().parked();
        }
    }

    @Override
    public void kick() {
        now = 0;
        Lane in = enter();
        if (in == null) {
            return;
        }
        try {
            if (in.mode() == Lane.Mode.OPEN) {
                unkicked = false;
                if (in.kick()) {
                    in.drain();
                }
            }
        } finally {
            in.leave();
        }
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        if (max <= 0) {
            return 0;
        }
        now = 0;
        int taken = 0;
        int before;
        // What ends while the handler runs is taken too: the client then submits more before its
        // next kick, and a doorbell serves a larger batch.
        do {
            before = taken;
            if (ready.count() < max - taken) {
                gather(max - taken);
            }
            while (ready.count() > 0 && taken < max) {
                taken++;
                ready.tellFirst(handler);
            }
        } while (taken > before && taken < max);
        return taken;
    }

    /// Brings the lane forward and takes what has ended.
    private void gather(int max) {
        boolean recover;
        boolean held;
        boolean again;
        do {
            again = false;
            Lane in = enter();
            if (in == null) {
                return;
            }
            try {
                again = !advance(in);
                if (!again) {
                    takeDone(max);
                }
                recover = in.needsRecovery();
                held = hasWaiting() && order.isReplaying();
            } finally {
                in.leave();
            }
        } while (again);
        if (recover) {
            disk.lanes().recover();
        }
        if (held) {
            disk.lanes().all().help();
        }
        ownerWait.rest(ready.count() > 0);
    }

    /// Brings the lane forward, which is entered.
    ///
    /// @return false if the lane was abandoned
    boolean advance(Lane in) {
        if (in.mode() == Lane.Mode.OPEN) {
            if (in.collect() < 0 || !in.drain()) {
                return false;
            }
        } else {
            ownerWait.lookedInVain();
        }
        if (hasHeldBack() || in.isDriverGone()) {
            in.expire(System.nanoTime(), disk.parkNanos());
            return in.holdsGate();
        }
        return true;
    }

    private boolean hasHeldBack() {
        return !waiting.isEmpty() || !lost.isEmpty();
    }

    private void takeDone(int max) {
        while (!done.isEmpty() && ready.count() < max && !ready.isFull()) {
            Request request = done.take();
            ready.add(request.tag, request.status);
            // Free before the handler runs: it may submit.
            release(request);
        }
    }

    boolean hasDone() {
        return !done.isEmpty();
    }

    @Override
    public boolean await(long nanos) {
        if (ready.count() > 0) {
            return true;
        }
        now = 0;
        if (unkicked) {
            kick();
        }
        return ownerWait.await(nanos, order, disk.lanes().all());
    }

    @Override
    public void wake() {
        wakeOwner();
        lane.wakeSleeper();
    }

    boolean isClosed() {
        return closed.get();
    }

    @Override
    public boolean isOpen() {
        return !closed.get() && lane.mode() != Lane.Mode.GONE;
    }

    /// Ends the queue; any thread.
    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            disk.lanes().door().close(this, Deadline.afterMillis(CLOSE_MILLIS));
        } finally {
            wakeOwner();
            access.closed(this);
        }
    }

    // ---- Closing; the lane is entered

    /// Lets everything go that the device does not have.
    void discardHeldBack(Lane in) {
        failHeldBack(in, BlockStatus.ABORTED, System.nanoTime());
    }

    boolean hasIssued() {
        for (Request request : requests) {
            if (request.state == Request.ISSUED) {
                return true;
            }
        }
        return false;
    }

    /// The device's queue is closed: nothing is in flight any more.
    void discardIssued(Lane in) {
        endAll(in, Request.ISSUED, BlockStatus.ABORTED, System.nanoTime());
    }

    /// What does not end keeps its memory, since the device may still be at it; but others do not
    /// wait for it.
    void giveUpIssued() {
        boolean last = false;
        for (Request request : requests) {
            if (request.state == Request.ISSUED) {
                order.givenUp(request);
                last |= order.replayEnds(request);
            }
        }
        if (last) {
            order.queues().forEach(DiskQueue::wakeOwner);
        }
    }

    /// The last of it.
    void freeMemory() {
        for (Request request : requests) {
            request.close();
        }
        OLDEST.setRelease(this, NONE);
    }
}
