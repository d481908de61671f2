package helix.block.internal;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One queue of the device behind a disk, and the disk's queues that share it: usually one. All its
/// state is guarded by its [gate][Gate], except for what is said to be otherwise.
///
/// The device's queue comes and goes with generations of the driver; requests stay. While the lane
/// is [CLOSED][Mode#CLOSED] no client calls the driver, and requests wait.
final class Lane extends Gate {
    private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

    /// The most completions taken at once.
    private static final int BATCH = 64;

    /// How long a request waits for memory that the driver does not give.
    private static final long MEMORY_NANOS = 10_000_000_000L;

    private static final int SLOT_BITS = 16;
    private static final int SLOT_MASK = (1 << SLOT_BITS) - 1;

    /// What becomes of requests.
    enum Mode {
        /// They go to the device.
        OPEN,
        /// They wait.
        CLOSED,
        /// They fail: there is no device.
        GONE
    }

    private final String name;
    private final ReplayOrder order;
    private final int blockSize;
    private final QueueOptions options;
    private final AckLog log;
    private final Tally tally;

    private volatile Mode mode = Mode.CLOSED;
    private volatile @Nullable BlockQueue inner;
    private @Nullable Backend backend;
    private @Nullable BlockLimits limits;
    private volatile @Nullable Object pool;

    /// By what number the next generation gives the device's queue again, 0 if it does not.
    private long handle;

    /// Requests that the device's queue has.
    private int issued;

    /// Whether requests were aborted under a generation that lives on.
    private boolean recoveryNeeded;

    /// Whether no driver is known that will end what is in flight.
    private boolean driverGone;

    /// Since when no driver has taken requests; `System.nanoTime`. Counts while [#isAway].
    private long closedSince;

    private boolean isAway;
    private boolean complained;
    private volatile String mismatch = "";

    /// By the upper half of the device's tags; null where a queue has left.
    private volatile @Nullable DiskQueue[] members;

    private int memberCount;

    /// When the writes of the batch that is distributed were acknowledged, 0 before the first.
    private long batchClock;

    // Completions as the driver tells them. Not touched by who abandons the lane.
    private final int[] tags = new int[BATCH];
    private final int[] statuses = new int[BATCH];
    private int collected;
    private final BlockQueue.CompletionHandler collector = this::collected;

    /// A lane that is closed and has no queue of a device yet.
    Lane(String name, ReplayOrder order, int blockSize, QueueOptions options) {
        this.name = name;
        this.order = order;
        this.blockSize = blockSize;
        this.options = options;
        log = order.newLog();
        tally = new Tally();
        members = new @Nullable DiskQueue[1];
        away();
    }

    /// What goes on in place of a lane that was given up, because a thread is stuck in the driver's
    /// code. The lane is closed and entered.
    Lane(Lane abandoned) {
        name = abandoned.name;
        order = abandoned.order;
        blockSize = abandoned.blockSize;
        options = abandoned.options;
        log = abandoned.log;
        tally = abandoned.tally;
        members = abandoned.members;
        memberCount = abandoned.memberCount;
        issued = abandoned.issued;
        driverGone = abandoned.driverGone;
        backend = abandoned.backend;
        isAway = abandoned.isAway;
        closedSince = abandoned.closedSince;
        away();
        if (!tryEnter()) {
            throw new IllegalStateException("a new gate is free");
        }
    }

    // ---- What is read without entering

    Mode mode() {
        return mode;
    }

    boolean isServing() {
        BlockQueue queue = inner;
        return mode == Mode.OPEN && queue != null && queue.isOpen();
    }

    Tally tally() {
        return tally;
    }

    QueueOptions options() {
        return options;
    }

    @Override
    void wakeSleeper() {
        BlockQueue queue = inner;
        if (queue != null) {
            queue.wake();
        }
    }

    // ---- Members

    int memberCount() {
        return memberCount;
    }

    List<DiskQueue> members() {
        return Arrays.stream(members).filter(java.util.Objects::nonNull).toList();
    }

    /// Takes a queue in; its requests' tags begin with what is given back.
    int add(DiskQueue queue) {
        @Nullable DiskQueue[] known = members;
        int index = 0;
        while (index < known.length && known[index] != null) {
            index++;
        }
        @Nullable DiskQueue[] next = Arrays.copyOf(known, Math.max(known.length, index + 1));
        next[index] = queue;
        members = next;
        memberCount++;
        return index;
    }

    @SuppressWarnings("ReferenceEquality") // queues are identities
    void remove(DiskQueue queue) {
        @Nullable DiskQueue[] next = members.clone();
        for (int i = 0; i < next.length; i++) {
            if (next[i] == queue) {
                next[i] = null;
                memberCount--;
            }
        }
        members = next;
    }

    // ---- What the device behind the lane is

    AckLog log() {
        return log;
    }

    int issued() {
        return issued;
    }

    @Nullable BlockQueue inner() {
        return inner;
    }

    /// Whose queue is or was behind the lane.
    @Nullable Backend backend() {
        return backend;
    }

    long handle() {
        return handle;
    }

    void rememberHandle() {
        BlockQueue queue = inner;
        handle = 0;
        if (queue != null) {
            try {
                handle = queue.handle();
            } catch (RuntimeException e) {
                complain("handle", e);
            }
        }
    }

    /// Whether requests wait for a driver that may never come.
    boolean isDriverGone() {
        return driverGone;
    }

    boolean needsRecovery() {
        return recoveryNeeded;
    }

    void close(boolean withoutDriver) {
        if (mode == Mode.GONE) {
            return;
        }
        away();
        mode = Mode.CLOSED;
        driverGone = withoutDriver;
        recoveryNeeded = false;
    }

    /// From now on, or since before, no driver takes requests.
    private void away() {
        if (!isAway) {
            isAway = true;
            closedSince = System.nanoTime();
        }
    }

    void open() {
        mode = Mode.OPEN;
        isAway = false;
        recoveryNeeded = false;
        complained = false;
        handle = 0;
    }

    void gone() {
        mode = Mode.GONE;
        isAway = false;
    }

    /// The device is there again.
    void revive() {
        away();
        mode = Mode.CLOSED;
    }

    /// Puts a queue of a device behind the lane. What was in flight before must have been
    /// [lost][#lose], or is in flight there.
    void install(BlockQueue queue, Backend next, Object nextPool) {
        inner = queue;
        backend = next;
        limits = next.device().limits();
        pool = nextPool;
        handle = 0;
        driverGone = false;
        mismatch = "";
    }

    /// The queue installed has been taken over with what is in flight.
    void adopted(int inFlight) {
        tally.adopted(issued);
        if (inFlight != issued) {
            mismatch =
                    name + ": " + issued + " requests are in flight, the driver says " + inFlight;
        }
    }

    /// What is wrong with the queue taken over, empty if nothing is.
    String mismatch() {
        return mismatch;
    }

    /// The queue was not taken over, and what is in flight may still happen: requests stay as they
    /// are for a generation that comes after a reset. The queue before is nobody's to call.
    void notAdopted(String why) {
        inner = null;
        mismatch = why;
    }

    /// What the device reached last.
    @Nullable Object pool() {
        return pool;
    }

    /// Takes the device's queue away.
    @Nullable BlockQueue uninstall() {
        BlockQueue queue = inner;
        inner = null;
        handle = 0;
        return queue;
    }

    /// What was in flight will not happen any more.
    void lose() {
        mismatch = "";
        for (DiskQueue member : members) {
            if (member != null) {
                member.loseIssued();
            }
        }
        issued = 0;
    }

    // ---- Into the driver and back

    /// Submits a request. Called after it was filled in; its state is set before the driver is
    /// called, so that it is found should the driver not come back.
    ///
    /// @return false if the device's queue did not take it; true also if the lane was abandoned
    /// @throws IllegalArgumentException if the driver refuses it; it is as before
    boolean issue(Request request, int member) {
        BlockQueue queue = inner;
        if (queue == null) {
            return false;
        }
        int before = request.state;
        if (request.movesBytes() && !reach(request)) {
            return false;
        }
        request.state = Request.ISSUED;
        issued++;
        boolean taken;
        goInside();
        try {
            taken = request.submitTo(queue, member << SLOT_BITS | request.slot, blockSize);
        } catch (IllegalArgumentException e) {
            if (!comeBack()) {
                return true;
            }
            request.state = before;
            issued--;
            throw e;
        } catch (RuntimeException | Error e) {
            // Whether the driver has it is not known: it ends when this queue does.
            if (comeBack()) {
                complain("submit", e);
            }
            return true;
        }
        if (!comeBack()) {
            return true;
        }
        if (!taken) {
            request.state = before;
            issued--;
        }
        return taken;
    }

    /// Makes a copy of a request's memory if the device does not reach it.
    ///
    /// @return false if there is no memory to be had any more from the driver's generation
    private boolean reach(Request request) {
        if (request.isReachedFrom(pool)) {
            request.bounce(null);
            return true;
        }
        Backend now = backend;
        BlockLimits most = limits;
        if (now == null || most == null) {
            throw new IllegalStateException("no device");
        }
        long size = (long) request.blocks * blockSize;
        if (request.blocks < 1 || size > most.maxTransferBytes()) {
            throw new IllegalArgumentException(
                    "request of " + size + " bytes, most=" + most.maxTransferBytes());
        }
        try {
            request.bounce(bounce(request, size, now.device(), most));
        } catch (RuntimeException e) {
            if (Backend.isOver(e)) {
                return false;
            }
            throw e;
        }
        tally.bounced();
        return true;
    }

    @SuppressWarnings("ReferenceEquality") // pools are told apart by identity
    private Bounce bounce(Request request, long size, BlockDevice now, BlockLimits most) {
        Bounce known = request.ownBounce();
        if (known == null || known.memory().size() < size || known.memory().pool() != pool) {
            // A power of two, so that growing sizes do not allocate each time.
            long rounded = Math.min(most.maxTransferBytes(), Long.highestOneBit(size * 2 - 1));
            DmaBuffer larger = now.allocate(rounded);
            request.close();
            known = new Bounce(larger);
        }
        known.use(size);
        return known;
    }

    /// Shows the device what was submitted.
    ///
    /// @return false if the lane was abandoned
    boolean kick() {
        BlockQueue queue = inner;
        if (queue == null) {
            return true;
        }
        goInside();
        try {
            queue.kick();
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return false;
            }
            complain("kick", e);
            return true;
        }
        return comeBack();
    }

    private void collected(int tag, int status) {
        tags[collected] = tag;
        statuses[collected] = status;
        collected++;
    }

    /// Takes completions from the device and gives them to the queues that they are for.
    ///
    /// @return how many were taken, -1 if the lane was abandoned
    int collect() {
        BlockQueue queue = inner;
        if (queue == null) {
            return 0;
        }
        collected = 0;
        goInside();
        try {
            queue.poll(collector, BATCH);
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return -1;
            }
            complain("poll", e);
            return distribute();
        }
        return comeBack() ? distribute() : -1;
    }

    /// As [#collect()], until nothing is left there.
    boolean collectAll() {
        int taken;
        do {
            taken = collect();
        } while (taken == BATCH);
        return taken >= 0;
    }

    /// Waits in the driver's code for completions, as long as nobody wants to get in.
    ///
    /// @return 1 if there may be some, 0 if not, -1 if the lane was abandoned
    int await(long nanos) {
        BlockQueue queue = inner;
        if (queue == null) {
            return 0;
        }
        boolean some = false;
        goAwaiting();
        try {
            // Who wants in from now on sees that somebody sleeps here, and wakes him.
            some = queue.await(isWanted() ? 0 : nanos);
        } catch (RuntimeException | Error e) {
            if (!awake()) {
                return -1;
            }
            complain("await", e);
            return 0;
        }
        return awake() ? some ? 1 : 0 : -1;
    }

    private void complain(String call, Throwable e) {
        if (!complained) {
            complained = true;
            LOG.warn("{}: the driver fails in {}", name, call, e);
        }
    }

    // ---- Completions

    private int distribute() {
        int count = collected;
        if (count == 0) {
            return 0;
        }
        long now = System.nanoTime();
        @Nullable DiskQueue[] to = members;
        batchClock = 0;
        for (int i = 0; i < count; i++) {
            DiskQueue member = to[tags[i] >>> SLOT_BITS];
            if (member == null) {
                continue;
            }
            Request request = member.request(tags[i] & SLOT_MASK);
            if (request.state == Request.ISSUED) {
                issued--;
                returned(request, statuses[i], now);
            }
        }
        if (memberCount > 1) {
            wakeMembers();
        }
        return count;
    }

    /// The disk's time for a write that is acknowledged now: one for all of a batch.
    private long acknowledged() {
        if (batchClock == 0) {
            batchClock = order.advance();
        }
        return batchClock;
    }

    private void returned(Request request, int status, long now) {
        if (status == BlockStatus.OK) {
            if (request.changesBlocks()) {
                log.add(request.partLba(), request.partBlocks(), acknowledged());
                if (request.advance(blockSize)) {
                    request.state = Request.WAITING;
                    request.since = now;
                    request.queue.waitFirst(request);
                    return;
                }
            }
        } else if (status == BlockStatus.GENERATION_GONE || status == BlockStatus.ABORTED) {
            if (request.op != BlockOp.COMPARE && request.replays < DiskQueue.MOST_REPLAYS) {
                request.since = now;
                request.queue.lose(request);
                recoveryNeeded |= status == BlockStatus.ABORTED;
                return;
            }
            if (request.op == BlockOp.COMPARE) {
                end(request, BlockStatus.OUTCOME_UNKNOWN, now);
                return;
            }
        }
        end(request, status, now);
    }

    /// Ends a request.
    void end(Request request, int status, long now) {
        if (status == BlockStatus.OK) {
            request.arrived();
        } else {
            order.failed(request);
        }
        request.state = Request.DONE;
        request.status = status;
        tally.ended(request.op, (long) request.blocks * blockSize, status, now - request.time);
        request.drop();
        request.queue.done(request);
        if (request.isBarrier && order.replayEnds(request)) {
            order.queues().forEach(DiskQueue::wakeOwner);
        }
    }

    /// Wakes all owners but this thread.
    void wakeMembers() {
        for (DiskQueue member : members) {
            if (member != null) {
                member.wakeOwner();
            }
        }
    }

    // ---- Waiting requests

    /// Submits requests that wait, as far as there is room.
    ///
    /// @return false if the lane was abandoned
    boolean drain() {
        boolean some = false;
        for (DiskQueue member : members) {
            if (member != null && member.hasWaiting()) {
                int drained = drain(member);
                if (drained < 0) {
                    return false;
                }
                some |= drained > 0;
            }
        }
        return !some || kick();
    }

    /// Submits requests that wait, and shows the device also what was submitted before.
    void drainAndKick() {
        if (drain() && !kick()) {
            LOG.info("{}: a lane was given up while it was begun with", name);
        }
    }

    /// How many of a queue's requests were submitted, -1 if the lane was abandoned.
    private int drain(DiskQueue member) {
        int drained = 0;
        while (member.hasWaiting() && !order.holdsBack(member.firstWaiting())) {
            Request request = member.takeWaiting();
            boolean taken;
            try {
                taken = issue(request, member.index());
            } catch (IllegalArgumentException e) {
                // Taken while other limits were in force.
                LOG.warn("{}: {} is refused", name, BlockOp.name(request.op), e);
                end(request, BlockStatus.IO_ERROR, System.nanoTime());
                continue;
            } catch (RuntimeException e) {
                refusedMemory(member, request, e);
                break;
            }
            if (!holdsGate()) {
                return -1;
            }
            if (!taken) {
                member.waitFirst(request);
                break;
            }
            drained++;
        }
        return drained;
    }

    /// A request that has to be copied waits until there is memory for the copy, but not for ever.
    private void refusedMemory(DiskQueue member, Request request, RuntimeException e) {
        complain("allocate", e);
        long now = System.nanoTime();
        if (request.withoutMemorySince == 0) {
            request.withoutMemorySince = now;
        }
        if (now - request.withoutMemorySince > MEMORY_NANOS) {
            end(request, BlockStatus.IO_ERROR, now);
        } else {
            member.waitFirst(request);
        }
    }

    /// Ends what has waited too long for a driver.
    void expire(long now, long parkNanos) {
        if (!isServing()) {
            away();
            for (DiskQueue member : members) {
                // What waited for room before has waited for no driver.
                if (member != null && now - closedSince > parkNanos) {
                    member.expireWaiting(this, now, parkNanos);
                }
            }
        }
        if (driverGone && issued > 0 && now - closedSince > parkNanos && collectAll()) {
            // No driver has said what became of these, and none may any more.
            uninstall();
            failIssued(BlockStatus.OUTCOME_UNKNOWN, now);
        }
    }

    void failIssued(int status, long now) {
        for (DiskQueue member : members) {
            if (member != null) {
                member.endAll(this, Request.ISSUED, status, now);
            }
        }
        issued = 0;
    }

    /// Ends everything.
    void failAll(int status) {
        long now = System.nanoTime();
        failIssued(status, now);
        for (DiskQueue member : members) {
            if (member != null) {
                member.failHeldBack(this, status, now);
            }
        }
    }
}
