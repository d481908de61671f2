package helix.driver.block.nvme;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/// An I/O submission queue and its completion queue. Base 2.0, section 3.3.1.
///
/// One thread at a time, the owner, submits and polls. Other threads only change [#state] and wake
/// the owner; it is always the owner who ends requests, in [#poll]:
///
/// ```
///            freeze           thaw (reset confirmed)         settle              revive
///   OPEN ────────────▶ FROZEN ─────────────────────▶ DRAIN ─────────────▶ EMPTY ─────────▶ OPEN
///     └── end(status) ──▶ ENDED: every request in flight ends with the status, none is taken
/// ```
final class IoQueue implements BlockQueue {
    /// Takes requests.
    static final int OPEN = 0;

    /// The controller is being reset: nothing ends yet.
    static final int FROZEN = 1;

    /// The reset is confirmed: what is in flight ends.
    static final int DRAIN = 2;

    /// The controller does not know the queue; what is submitted waits until it does.
    static final int EMPTY = 3;

    /// The lease is over, and the platform is resetting the controller.
    static final int LOST = 4;

    /// No more requests: what is in flight ends with the final status.
    static final int ENDED = 5;

    /// Closed by its owner.
    static final int CLOSED = 6;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(IoQueue.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int NONE = -2;
    private static final int NOT_ENDED = -1;
    private static final long NAP_NANOS = 5_000_000;
    private static final long CLOSE_NANOS = 1_000_000_000;

    final int id;
    final int vector;
    final QueueMemory memory;
    private final Controller controller;
    private final Pairs pairs;
    private final Doorbells doorbells;
    private final Slots slots;
    private final Requests requests;
    private final SubmissionRing submission;
    private final CompletionRing completion;
    private final ScatterList single = new ScatterList(1);
    private final boolean eagerHead;
    private final Reach reach;
    private final OwnerWait wait;

    private Namespace namespace;

    private volatile int state = EMPTY;
    private volatile int finalStatus = BlockStatus.OK;

    /// Woken together with the owner, for a pair that is shared.
    volatile @Nullable SharedPair shared;

    /// Makes a queue that the controller does not know yet.
    ///
    /// @param vector its interrupt vector, negative for none
    /// @param sleeps whether waiting sleeps, as for interrupts, or spins
    /// @param eagerHead whether every poll reports the head: where the line or MSI message depends
    ///   on it
    IoQueue(
            Pairs pairs,
            int id,
            int depth,
            int vector,
            boolean sleeps,
            boolean eagerHead,
            Namespace namespace,
            QueueMemory memory) {
        this.pairs = pairs;
        this.controller = pairs.controller();
        this.id = id;
        this.vector = vector;
        this.namespace = namespace;
        this.memory = memory;
        this.doorbells = new Doorbells(controller, id);
        this.slots = new Slots(memory.slots);
        this.requests = new Requests(depth, pairs.geometry().maxSegments());
        this.submission = new SubmissionRing(memory, slots, requests);
        this.completion = new CompletionRing(memory);
        this.eagerHead = eagerHead;
        this.reach = new Reach(controller);
        this.wait = new OwnerWait(this, sleeps);
    }

    /// Says which namespace later requests are for.
    void target(Namespace target) {
        namespace = target;
    }

    Namespace namespace() {
        return namespace;
    }

    // ---- What a client calls, on its own thread

    @Override
    public int depth() {
        return requests.depth();
    }

    @Override
    public int inFlight() {
        return requests.inFlight();
    }

    @Override
    public boolean isOpen() {
        return state <= EMPTY && namespace.isPresent();
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
        if (op == BlockOp.FLUSH || op == BlockOp.DISCARD || op == BlockOp.WRITE_ZEROES) {
            return submitWithoutData(op, flags, lba, blocks, tag);
        }
        if (op != BlockOp.READ && op != BlockOp.WRITE && op != BlockOp.COMPARE) {
            throw new IllegalArgumentException("no operation " + op);
        }
        if (buffer == null) {
            throw new IllegalArgumentException(BlockOp.name(op) + " without memory");
        }
        long bytes = (long) blocks << namespace.blockShift();
        if (bytes <= 0 || offset < 0 || bytes > buffer.size() - offset) {
            throw new IllegalArgumentException(
                    "%d blocks at offset %d of %s".formatted(blocks, offset, buffer));
        }
        single.clear().add(buffer, offset, bytes);
        return submit(op, flags, lba, blocks, single, tag);
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        check(op, flags, lba, blocks, list);
        int commands = submission.commands(list);
        if (!accepts(commands)) {
            return false;
        }
        int request = requests.take(tag);
        if (!namespace.contains(lba, blocks)) {
            requests.endNow(request, BlockStatus.OUT_OF_RANGE);
            return true;
        }
        try {
            requests.hold(request, list);
        } catch (IllegalStateException e) {
            requests.free(request);
            throw e;
        }
        try {
            submission.transfer(request, namespace, op, flags, lba, list);
        } catch (IllegalStateException e) {
            lost(e);
        }
        return true;
    }

    @Override
    public void kick() {
        if (!submission.hasPending()) {
            return;
        }
        if (state != OPEN && !revive()) {
            // Shown when the controller is back.
            return;
        }
        int tail = submission.show(controller.clock().now());
        try {
            doorbells.tail(tail);
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
        }
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        if (state != OPEN || doorbells.isOwed()) {
            settle();
        }
        int taken = requests.hasEnded() ? pollEnded(handler, max) : 0;
        return state <= FROZEN ? taken + pollRing(handler, max - taken) : taken;
    }

    @Override
    public boolean await(long nanos) {
        kick();
        if (isReady()) {
            return true;
        }
        if (state >= ENDED) {
            return false;
        }
        controller.interrupts().rearm();
        return wait.until(System.nanoTime() + nanos);
    }

    @Override
    public void close() {
        if (state == CLOSED) {
            return;
        }
        long end = System.nanoTime() + CLOSE_NANOS;
        while (state == OPEN && requests.inFlight() > 0 && System.nanoTime() - end < 0) {
            kick();
            if (poll((tag, status) -> {}, Integer.MAX_VALUE) == 0) {
                await(NAP_NANOS);
            }
        }
        pairs.close(this);
    }

    // ---- Submission

    private void check(int op, int flags, long lba, int blocks, ScatterList list) {
        if (op != BlockOp.READ && op != BlockOp.WRITE && op != BlockOp.COMPARE) {
            throw new IllegalArgumentException(BlockOp.name(op) + " takes no memory");
        }
        namespace.check(op, flags, lba, blocks, list);
        try {
            reach.check(list);
        } catch (LeaseRevokedException e) {
            lost(e);
        }
    }

    private boolean accepts(int commands) {
        if (state != OPEN) {
            // Also while the controller is reset; it is shown requests when it is back.
            settle();
            if (state > EMPTY) {
                return false;
            }
        }
        return namespace.isPresent()
                && requests.inFlight() < requests.depth()
                && slots.available() >= commands;
    }

    private boolean submitWithoutData(int op, int flags, long lba, int blocks, int tag) {
        namespace.checkWithoutData(op, flags, lba, blocks);
        if (!accepts(1)) {
            return false;
        }
        int request = requests.take(tag);
        if (op != BlockOp.FLUSH && !namespace.contains(lba, blocks)) {
            requests.endNow(request, BlockStatus.OUT_OF_RANGE);
            return true;
        }
        try {
            submission.command(request, namespace, op, flags, lba, blocks);
        } catch (IllegalStateException e) {
            lost(e);
        }
        return true;
    }

    // ---- Completion

    private int pollEnded(CompletionHandler handler, int max) {
        int taken = 0;
        while (taken < max) {
            int request = requests.takeEnded();
            if (request < 0) {
                break;
            }
            taken++;
            finish(request, handler);
        }
        return taken;
    }

    private int pollRing(CompletionHandler handler, int max) {
        int taken = 0;
        while (taken < max) {
            int request = next();
            if (request == NONE) {
                break;
            }
            if (request >= 0) {
                taken++;
                finish(request, handler);
            }
        }
        if (eagerHead && completion.hasUnreported()) {
            reportHead();
        }
        return taken;
    }

    /// Takes the next completion entry.
    ///
    /// @return the request that it ended, [#NOT_ENDED], or [#NONE] if there is no entry
    private int next() {
        try {
            return completion.hasNext() ? consume(completion.dw2(), completion.dw3()) : NONE;
        } catch (IllegalStateException e) {
            lost(e);
            return NONE;
        }
    }

    /// Consumes a completion entry.
    ///
    /// @return the request that it ended, or [#NOT_ENDED]
    private int consume(int dw2, int dw3) {
        int request = slots.end(CompletionEntry.CID.get(dw3));
        if (completion.consume()) {
            reportHead();
        }
        if (request < 0
                || CompletionEntry.SQID.get(dw2) != id
                || CompletionEntry.SQHD.get(dw2) >= memory.submissionEntries) {
            reportStrange(dw2, dw3);
        }
        if (request < 0) {
            return NOT_ENDED;
        }
        int status = CompletionEntry.STATUS.get(dw3);
        int ended = status == 0 ? BlockStatus.OK : StatusCode.toBlockStatus(status);
        return requests.commandEnded(request, ended) ? request : NOT_ENDED;
    }

    private void reportStrange(int dw2, int dw3) {
        if (state == OPEN) {
            controller.fault(
                    "queue %d: completion with command %04x, SQID %d, SQHD %d is none of its"
                            .formatted(
                                    id,
                                    CompletionEntry.CID.get(dw3),
                                    CompletionEntry.SQID.get(dw2),
                                    CompletionEntry.SQHD.get(dw2)));
        }
    }

    private void reportHead() {
        int head = completion.report();
        if (state != OPEN) {
            return;
        }
        try {
            doorbells.head(head);
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
        }
    }

    private void finish(int request, CompletionHandler handler) {
        int tag = requests.tag(request);
        int status = requests.status(request);
        requests.free(request);
        handler.completed(tag, status);
    }

    /// Does the owner's part in what happened to the queue.
    private void settle() {
        switch (state) {
            case DRAIN -> {
                endAll(BlockStatus.ABORTED);
                rewind();
                STATE.compareAndSet(this, DRAIN, EMPTY);
            }
            case EMPTY -> kick();
            case OPEN -> ringOwed();
            case LOST, ENDED -> {
                if (state == ENDED || settleLost()) {
                    endAll(finalStatus);
                }
            }
            default -> {
                // FROZEN, CLOSED: nothing to do.
            }
        }
    }

    private void ringOwed() {
        try {
            doorbells.retry();
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
        }
    }

    /// Ends what is in flight, for the polls to come: what the controller completed in time as it
    /// says, the rest with an error.
    private void endAll(int status) {
        if (slots.available() == slots.count()) {
            return;
        }
        for (int request = next(); request != NONE; request = next()) {
            if (request >= 0) {
                requests.endLater(request);
            }
        }
        boolean reset = state == DRAIN;
        for (int slot = 0; slot < slots.count(); slot++) {
            int request = slots.request(slot);
            if (request >= 0) {
                slots.end(slots.commandId(slot));
                if (status == BlockStatus.OUTCOME_UNKNOWN) {
                    requests.abandonMemory(request);
                }
                boolean expired = reset && slots.isExpired(slot);
                if (requests.commandEnded(request, expired ? BlockStatus.TIMED_OUT : status)) {
                    requests.endLater(request);
                }
            }
        }
    }

    /// Back to what Create I/O Submission and Completion Queue expect.
    private void rewind() {
        completion.rewind();
        submission.rewind();
        slots.clear();
    }

    // ---- Waiting

    /// Whether poll would find something.
    boolean isReady() {
        int now = state;
        if (requests.hasEnded() || doorbells.isOwed()) {
            return true;
        }
        if (now == EMPTY) {
            return submission.hasPending() && pairs.canRecreate();
        }
        if (now == CLOSED) {
            return false;
        }
        if (now == DRAIN || now == ENDED) {
            return requests.inFlight() > 0;
        }
        if (now == LOST) {
            return settleLost() && requests.inFlight() > 0;
        }
        try {
            return completion.hasNext();
        } catch (IllegalStateException e) {
            lost(e);
            return true;
        }
    }

    /// Wakes the owner. Any thread; allocates nothing.
    void wake() {
        wait.wake();
        SharedPair pair = shared;
        if (pair != null) {
            pair.wake();
        }
    }

    // ---- What other threads do to it

    int state() {
        return state;
    }

    /// The controller is about to be reset.
    void freeze() {
        STATE.compareAndSet(this, OPEN, FROZEN);
    }

    /// The controller confirmed its reset.
    void thaw() {
        STATE.compareAndSet(this, FROZEN, DRAIN);
        wake();
    }

    /// The controller is about to be told of the queue. Called with the admin lock held.
    void opening() {
        doorbells.clear();
    }

    /// The controller knows the queue. Called with the admin lock held.
    void opened() {
        STATE.compareAndSet(this, EMPTY, OPEN);
    }

    /// Ends the queue for good.
    ///
    /// @param status what requests in flight end with; OUTCOME_UNKNOWN keeps their memory held
    synchronized void end(int status) {
        int now = state;
        if (now < ENDED) {
            finalStatus = status;
        }
        while (now < ENDED && !STATE.compareAndSet(this, now, ENDED)) {
            now = state;
        }
        wake();
    }

    /// Marks the queue closed. Called with the admin lock held, and again when a reset settled what
    /// was open; also without that lock, when the controller is gone. Each request ends once.
    ///
    /// @param keepMemory whether the controller may still write to the memory of requests
    synchronized void closed(boolean keepMemory) {
        state = CLOSED;
        if (!keepMemory) {
            for (int slot = 0; slot < slots.count(); slot++) {
                int request = slots.request(slot);
                if (request >= 0) {
                    slots.end(slots.commandId(slot));
                    if (requests.commandEnded(request, BlockStatus.ABORTED)) {
                        requests.free(request);
                    }
                }
            }
            for (int r = requests.takeEnded(); r >= 0; r = requests.takeEnded()) {
                requests.free(r);
            }
        }
        wake();
    }

    /// Whether it is not known yet if the controller forgot the queue.
    boolean isUnsettled() {
        return state == FROZEN || (state == LOST && !settleLost());
    }

    /// Whether the controller was given up without a confirmed reset.
    boolean isUnconfirmed() {
        return isUnsettled() || (state == ENDED && finalStatus == BlockStatus.OUTCOME_UNKNOWN);
    }

    Slots slots() {
        return slots;
    }

    /// Whether the completion queue holds an entry for a command that the owner has not taken yet.
    /// For the watch, which must then blame the owner and not the controller.
    boolean hasUntakenCompletion(int slot) {
        return completion.holds(slots.commandId(slot));
    }

    /// Brings the queue back after a reset of the controller.
    private boolean revive() {
        return state == EMPTY && pairs.recreate(this);
    }

    /// A handle threw: the lease is over and the platform resets the controller, or the exception
    /// is none of the lease's.
    private void lost(RuntimeException e) {
        if (controller.hal().lease().isValid()) {
            throw e;
        }
        lose();
    }

    /// Leaves the queue to what becomes of the lease: requests end when the platform has reset the
    /// controller.
    void lose() {
        int now = state;
        while (now < LOST && !STATE.compareAndSet(this, now, LOST)) {
            now = state;
        }
        wake();
    }

    /// Whether what became of the lease is known; requests do not end before.
    private boolean settleLost() {
        Lease.State lease = controller.hal().lease().state();
        if (lease == Lease.State.RELEASED) {
            end(BlockStatus.GENERATION_GONE);
        } else if (lease == Lease.State.QUARANTINED) {
            end(BlockStatus.OUTCOME_UNKNOWN);
        }
        return state != LOST;
    }
}
