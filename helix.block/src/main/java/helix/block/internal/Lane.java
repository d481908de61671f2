package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
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
final class Lane extends DriverGate {
    private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

    /// How long a request waits for memory that the driver does not give.
    private static final long MEMORY_NANOS = 10_000_000_000L;

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

    private final ReplayOrder order;
    private final QueueOptions options;
    private final AckLog log;

    private volatile Mode mode = Mode.CLOSED;

    /// Whether the disk has something to put right here: requests were aborted under a generation
    /// that lives on, or the lane could not be entered when the others were given a queue.
    private volatile boolean recoveryNeeded;

    /// Whether no driver is known that will end what is in flight.
    private boolean driverGone;

    /// Since when no driver has taken requests; `System.nanoTime`. Counts while [#isAway].
    private long closedSince;

    private boolean isAway;
    private volatile String mismatch = "";

    /// By the upper half of the device's tags; null where a queue has left.
    private volatile @Nullable DiskQueue[] members;

    private int memberCount;

    /// When the writes of the batch that is distributed were acknowledged, 0 before the first.
    private long batchClock;

    /// A lane that is closed and has no queue of a device yet.
    Lane(String name, ReplayOrder order, int blockSize, QueueOptions options) {
        super(name, blockSize, new Tally());
        this.order = order;
        this.options = options;
        log = order.newLog();
        members = new @Nullable DiskQueue[1];
        away();
    }

    /// What goes on in place of a lane that was given up, because a thread is stuck in the driver's
    /// code. The lane is closed and entered.
    Lane(Lane abandoned) {
        super(abandoned);
        order = abandoned.order;
        options = abandoned.options;
        log = abandoned.log;
        members = abandoned.members;
        memberCount = abandoned.memberCount;
        driverGone = abandoned.driverGone;
        mode = abandoned.mode == Mode.GONE ? Mode.GONE : Mode.CLOSED;
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

    QueueOptions options() {
        return options;
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

    // ---- What becomes of the lane

    AckLog log() {
        return log;
    }

    /// Whether requests wait for a driver that may never come.
    boolean isDriverGone() {
        return driverGone;
    }

    boolean needsRecovery() {
        return recoveryNeeded;
    }

    /// Its owner has the disk put it right when he comes by; without the gate.
    void needRecovery() {
        recoveryNeeded = true;
    }

    /// Whether a driver takes requests; asks it. False also if the lane was abandoned.
    boolean isServing() {
        return mode == Mode.OPEN && isInnerOpen();
    }

    /// No client is to call the driver from now on; who is in its code may still be. Called without
    /// the gate, before the lane is [closed][#close].
    void announceClose() {
        if (mode == Mode.OPEN) {
            mode = Mode.CLOSED;
        }
        if (hasSleeper()) {
            wakeSleeper();
        }
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
        forgive();
        forgetHandle();
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
        put(queue, next, nextPool);
        driverGone = false;
        mismatch = "";
    }

    /// The queue installed has been taken over with what is in flight.
    void adopted(int inFlight) {
        int known = issued();
        tally().adopted(known);
        if (inFlight != known) {
            mismatch =
                    name() + ": " + known + " requests are in flight, the driver says " + inFlight;
        }
    }

    /// What is wrong with the queue taken over, empty if nothing is.
    String mismatch() {
        return mismatch;
    }

    /// The queue was not taken over, and what is in flight may still happen: requests stay as they
    /// are for a generation that comes after a reset. The queue before is nobody's to call.
    void notAdopted(String why) {
        BlockQueue _ = uninstall();
        mismatch = why;
    }

    /// What was in flight will not happen any more.
    void lose() {
        mismatch = "";
        for (DiskQueue member : members) {
            if (member != null) {
                member.loseIssued();
            }
        }
        allReturned();
    }

    // ---- Completions

    /// Takes completions from the device and gives them to the queues that they are for.
    ///
    /// @return how many were taken, -1 if the lane was abandoned
    int collect() {
        int count = poll();
        return count <= 0 ? count : distribute(count);
    }

    /// As [#collect()], until nothing is left there.
    boolean collectAll() {
        int taken;
        do {
            taken = collect();
        } while (taken == BATCH);
        return taken >= 0;
    }

    private int distribute(int count) {
        long now = System.nanoTime();
        @Nullable DiskQueue[] to = members;
        batchClock = 0;
        for (int i = 0; i < count; i++) {
            int tag = collectedTag(i);
            DiskQueue member = to[tag >>> SLOT_BITS];
            if (member == null) {
                continue;
            }
            Request request = member.request(tag & SLOT_MASK);
            if (request.state == Request.ISSUED) {
                oneReturned();
                returned(request, collectedStatus(i), now);
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
                if (request.advance(blockSize())) {
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
        tally().ended(request.op, (long) request.blocks * blockSize(), status, now - request.time);
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
            LOG.info("{}: a lane was given up while it was begun with", name());
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
                LOG.warn("{}: {} is refused", name(), BlockOp.name(request.op), e);
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

    /// Ends what has waited too long for a driver. The lane may be abandoned meanwhile.
    void expire(long now, long parkNanos) {
        boolean serving = isServing();
        if (!holdsGate()) {
            return;
        }
        if (!serving) {
            away();
            for (DiskQueue member : members) {
                // What waited for room before has waited for no driver.
                if (member != null && now - closedSince > parkNanos) {
                    member.expireWaiting(this, now, parkNanos);
                }
            }
        }
        if (driverGone && issued() > 0 && now - closedSince > parkNanos && collectAll()) {
            // No driver has said what became of these, and none may any more.
            BlockQueue _ = uninstall();
            failIssued(BlockStatus.OUTCOME_UNKNOWN, now);
        }
    }

    void failIssued(int status, long now) {
        for (DiskQueue member : members) {
            if (member != null) {
                member.endAll(this, Request.ISSUED, status, now);
            }
        }
        allReturned();
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
