package helix.driver.block.nvme;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.hal.api.LeaseRevokedException;
import helix.modules.api.StateReader;
import org.jspecify.annotations.Nullable;

/// An I/O submission queue and its completion queue. Base 2.0, section 3.3.1.
///
/// One thread at a time, the owner, submits and polls. Other threads only move its [QueueLife] on
/// and wake the owner; it is always the owner who ends requests, in [#poll].
final class IoQueue implements BlockQueue {
    private static final int NONE = -2;
    private static final int NOT_ENDED = -1;
    private static final long NAP_NANOS = 5_000_000;
    private static final long CLOSE_NANOS = 1_000_000_000;

    final int id;
    final int vector;
    final QueueLife life;
    final QueueMemory memory;
    private final Controller controller;
    private final Pairs pairs;
    private final Doorbells doorbells;
    private final Slots slots;
    private final Requests requests;
    private final SubmissionRing submission;
    private final CompletionRing completion;
    private final ScatterList single = new ScatterList(1);
    private final boolean sleeps;
    private final boolean eagerHead;
    private final Reach reach;
    private final OwnerWait wait;
    private final long handle;

    private Namespace namespace;

    /// Woken together with the owner, for a pair that is shared.
    volatile @Nullable SharedPair shared;

    /// Makes a queue that the controller does not know yet.
    ///
    /// @param handle what its client takes it over by in the next generation, 0 for not at all
    /// @param vector its interrupt vector, negative for none
    /// @param sleeps whether waiting sleeps, as for interrupts, or spins
    IoQueue(
            Pairs pairs,
            int id,
            long handle,
            int depth,
            int vector,
            boolean sleeps,
            Namespace namespace,
            QueueMemory memory) {
        this.pairs = pairs;
        this.controller = pairs.controller();
        this.id = id;
        this.handle = handle;
        this.vector = vector;
        this.sleeps = sleeps;
        this.namespace = namespace;
        this.memory = memory;
        this.life = new QueueLife(controller.hal());
        this.doorbells = new Doorbells(controller, id);
        this.slots = new Slots(memory.slots);
        this.requests = new Requests(depth, pairs.geometry().maxSegments());
        this.submission = new SubmissionRing(memory, slots, requests);
        this.completion = new CompletionRing(memory);
        // Every poll reports the head where the line or MSI message depends on it.
        this.eagerHead = vector >= 0 && controller.interrupts().dependOnHead();
        this.reach = new Reach(controller);
        this.wait = new OwnerWait(this, sleeps);
    }

    // ---- From one generation to the next

    /// Takes over a queue of the generation before, with what is in flight.
    static IoQueue adopt(Pairs pairs, QueueState saved, Namespace namespace) {
        int depth = saved.requests().depth();
        StateReader.require(
                pairs.geometry().fits(saved.memory(), depth), "geometry of queue", saved.id());
        IoQueue queue =
                new IoQueue(
                        pairs,
                        saved.id(),
                        saved.handle(),
                        depth,
                        saved.vector(),
                        saved.sleeps(),
                        namespace,
                        new QueueMemory(
                                pairs.controller().hal(), pairs.geometry(), saved.memory()));
        queue.doorbells.restore(saved.rings());
        queue.slots.restore(saved.commands());
        queue.requests.restore(saved.requests());
        queue.submission.restore(saved.rings());
        queue.completion.restore(saved.rings());
        queue.life.opened();
        return queue;
    }

    /// Shows the controller what is pending and settles what a reset left, while the owner is out.
    ///
    /// @return whether the queue can be passed on
    boolean prepareToPass() {
        settle();
        boolean known = life.state() == QueueLife.OPEN || revive();
        kick();
        return known
                && life.state() == QueueLife.OPEN
                && !submission.hasPending()
                && !doorbells.hasDebt();
    }

    /// What the next generation needs to go on with the queue.
    QueueState save() {
        return new QueueState(
                handle,
                id,
                namespace.nsid(),
                vector,
                sleeps,
                memory.save(),
                new QueueState.Rings(
                        submission.tail(),
                        completion.head(),
                        completion.phase(),
                        completion.unreported(),
                        doorbells.shownTail(),
                        doorbells.shownHead()),
                slots.save(),
                requests.save());
    }

    /// The queue is the next generation's: this object touches nothing any more.
    synchronized void passOn() {
        life.close();
        slots.clear();
        requests.passOn();
        signal();
    }

    @Override
    public long handle() {
        return handle;
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
        return life.state() <= QueueLife.EMPTY && namespace.isPresent();
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
        if (life.state() != QueueLife.OPEN && !revive()) {
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
        if (life.state() != QueueLife.OPEN || doorbells.isOwed()) {
            settle();
        }
        int taken = requests.hasEnded() ? pollEnded(handler, max) : 0;
        return life.state() <= QueueLife.FROZEN ? taken + pollRing(handler, max - taken) : taken;
    }

    @Override
    public boolean await(long nanos) {
        kick();
        if (isReady()) {
            return true;
        }
        if (life.state() >= QueueLife.ENDED) {
            return false;
        }
        try {
            controller.interrupts().rearm();
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
        }
        return wait.until(System.nanoTime() + nanos);
    }

    @Override
    public void close() {
        if (life.state() == QueueLife.CLOSED) {
            return;
        }
        long end = System.nanoTime() + CLOSE_NANOS;
        while (life.state() == QueueLife.OPEN
                && requests.inFlight() > 0
                && System.nanoTime() - end < 0) {
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
        if (life.state() != QueueLife.OPEN) {
            // Also while the controller is reset; it is shown requests when it is back.
            settle();
            if (life.state() > QueueLife.EMPTY) {
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
        if (life.state() == QueueLife.OPEN) {
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
        if (life.state() != QueueLife.OPEN) {
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
        int now = life.state();
        switch (now) {
            case QueueLife.DRAIN -> {
                endAll(BlockStatus.ABORTED);
                rewind();
                life.drained();
            }
            case QueueLife.EMPTY -> kick();
            case QueueLife.OPEN -> ringOwed();
            case QueueLife.LOST, QueueLife.ENDED -> {
                if (now == QueueLife.ENDED || life.settleLost()) {
                    endAll(life.finalStatus());
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
        boolean reset = life.state() == QueueLife.DRAIN;
        requests.endAll(slots, status, reset ? BlockStatus.TIMED_OUT : status);
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
        int now = life.state();
        if (requests.hasEnded() || doorbells.isOwed()) {
            return true;
        }
        if (now == QueueLife.EMPTY) {
            return submission.hasPending() && pairs.canRecreate();
        }
        if (now == QueueLife.CLOSED) {
            return false;
        }
        if (now == QueueLife.DRAIN || now == QueueLife.ENDED) {
            return requests.inFlight() > 0;
        }
        if (now == QueueLife.LOST) {
            return life.settleLost() && requests.inFlight() > 0;
        }
        try {
            return completion.hasNext();
        } catch (IllegalStateException e) {
            lost(e);
            return true;
        }
    }

    @Override
    public void wake() {
        wait.rouse();
    }

    /// Lets a waiting owner look again. Any thread; allocates nothing.
    void signal() {
        wait.signal();
        SharedPair pair = shared;
        if (pair != null) {
            pair.signal();
        }
    }

    // ---- What other threads do to it

    int state() {
        return life.state();
    }

    /// The controller confirmed its reset.
    void thaw() {
        life.thaw();
        signal();
    }

    /// The controller is about to be told of the queue. Called with the admin lock held.
    void opening() {
        doorbells.clear();
    }

    /// Ends the queue for good.
    ///
    /// @param status what requests in flight end with; OUTCOME_UNKNOWN keeps their memory held
    void end(int status) {
        life.end(status);
        signal();
    }

    /// Marks the queue closed. Called with the admin lock held, and again when a reset settled what
    /// was open; also without that lock, when the controller is gone. Each request ends once.
    ///
    /// @param keepMemory whether the controller may still write to the memory of requests
    synchronized void closed(boolean keepMemory) {
        life.close();
        if (!keepMemory) {
            requests.freeAll(slots);
        }
        signal();
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
        return life.state() == QueueLife.EMPTY && pairs.recreate(this);
    }

    /// A handle threw: the lease is over and the platform resets the controller, or the exception
    /// is none of the lease's.
    private void lost(RuntimeException e) {
        if (controller.hal().isLeaseValid()) {
            throw e;
        }
        lose();
    }

    /// Leaves the queue to what becomes of the lease: requests end when the platform has reset the
    /// controller.
    void lose() {
        life.lose();
        signal();
    }
}
