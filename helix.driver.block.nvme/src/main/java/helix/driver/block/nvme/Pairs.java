package helix.driver.block.nvme;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.LeaseRevokedException;
import helix.modules.api.StateReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The I/O queue pairs: created when opened, deleted when closed. Base 2.0, sections 5.4 to 5.7.
///
/// One pair serves the plain calls; where the controller has one only, it is shared with a client
/// (see [SharedPair]).
final class Pairs {
    private static final Logger LOG = LoggerFactory.getLogger(Pairs.class);
    private static final long SETTLE_NANOS = 10_000_000_000L;

    private final Controller controller;
    private final Geometry geometry;
    private final int granted;

    /// By queue identifier; 0 is the admin queue's. Changed under the admin lock.
    private final AtomicReferenceArray<@Nullable IoQueue> queues;

    /// By queue identifier: those of the generation before that no client has asked for yet.
    private final AtomicReferenceArray<@Nullable IoQueue> unclaimed;

    /// Memory of queues that ended with their generation: theirs may still look at it for a while.
    /// Changed under the admin lock.
    private final List<Long> leftovers = new ArrayList<>();

    /// How many were opened. Changed under the admin lock.
    private int opened;

    Pairs(Controller controller, Geometry geometry, int granted) {
        this.controller = controller;
        this.geometry = geometry;
        this.granted = granted;
        queues = new AtomicReferenceArray<>(granted + 1);
        unclaimed = new AtomicReferenceArray<>(granted + 1);
    }

    Controller controller() {
        return controller;
    }

    Geometry geometry() {
        return geometry;
    }

    /// Whether clients and plain calls have to share.
    boolean isSingle() {
        return granted == 1;
    }

    /// How many queues clients may have.
    int forClients() {
        return isSingle() ? 1 : granted - 1;
    }

    /// Opens a queue pair.
    ///
    /// @param namespace what it is for
    /// @param options what it should be like
    /// @param plain whether it is for the plain calls, which have a pair kept for them
    IoQueue open(Namespace namespace, QueueOptions options, boolean plain) {
        int depth = Math.min(options.depth(), geometry.maxDepth());
        boolean sleeps = options.completion() == QueueOptions.Completion.INTERRUPT;
        String what = namespace.name();
        if (!controller.lockRunning()) {
            throw new BlockException(what + ": no queue", controller.refusal());
        }
        try {
            int id = freeId(plain);
            if (id < 0) {
                throw new BlockException(
                        "%s: all %d queues for clients are open".formatted(what, forClients()),
                        BlockStatus.NO_QUEUE);
            }
            int vector = sleeps ? controller.interrupts().choose(users()) : -1;
            QueueMemory memory =
                    new QueueMemory(controller.hal(), geometry, depth, controller.addressBits());
            IoQueue queue =
                    new IoQueue(
                            this,
                            id,
                            options.passable() ? nextHandle() : 0,
                            depth,
                            vector,
                            sleeps,
                            namespace,
                            memory);
            queues.set(id, queue);
            try {
                create(queue);
            } catch (CommandFailedException | NotSentException e) {
                queues.set(id, null);
                memory.close();
                throw e;
            } catch (DeviceException e) {
                // What the controller knows of the queue cannot be known: kept until its reset.
                queue.closed(true);
                throw e;
            }
            return queue;
        } catch (LeaseRevokedException | IllegalStateException e) {
            requireOver(e);
            BlockException gone =
                    new BlockException(what + ": no queue", BlockStatus.GENERATION_GONE);
            gone.initCause(e);
            throw gone;
        } finally {
            controller.admin().lock.unlock();
        }
    }

    /// Different from all that any generation gave.
    private long nextHandle() {
        return controller.hal().epoch() << Integer.SIZE | ++opened;
    }

    private int freeId(boolean plain) {
        int last = plain || isSingle() ? granted : granted - 1;
        int first = plain ? granted : 1;
        for (int id = first; id <= last; id++) {
            if (queues.get(id) == null) {
                return id;
            }
        }
        return -1;
    }

    private int[] users() {
        int[] users = new int[Math.max(2, controller.interrupts().count())];
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null && queue.vector >= 0) {
                users[queue.vector]++;
            }
        }
        return users;
    }

    /// Steps 10 and 11 of Base 2.0, section 3.5.1: first the completion queue, then the submission
    /// queue that refers to it.
    private void create(IoQueue queue) {
        queue.opening();
        QueueMemory m = queue.memory;
        AdminQueue admin = controller.admin();
        admin.execute(
                AdminCommand.createCompletionQueue(
                        queue.id, m.completionEntries, m.completionAddress(), queue.vector),
                controller.settings().adminTimeout());
        try {
            admin.execute(
                    AdminCommand.createSubmissionQueue(
                            queue.id, m.submissionEntries, m.submissionAddress()),
                    controller.settings().adminTimeout());
        } catch (CommandFailedException e) {
            admin.execute(
                    AdminCommand.deleteCompletionQueue(queue.id),
                    controller.settings().adminTimeout());
            throw e;
        } catch (NotSentException e) {
            controller.fault("queue " + queue.id + " is half created");
            throw new HalfCreatedException(e);
        }
        queue.life.opened();
    }

    /// Tells the controller of a queue that its reset forgot. Called by the queue's owner.
    ///
    /// @return whether it takes requests again
    boolean recreate(IoQueue queue) {
        if (!canRecreate()) {
            return false;
        }
        controller.admin().lock.lock();
        try {
            if (!canRecreate() || queue.state() != QueueLife.EMPTY) {
                return false;
            }
            create(queue);
            return true;
        } catch (LeaseRevokedException | IllegalStateException e) {
            requireOver(e);
            queue.lose();
            return false;
        } catch (DeviceTimeoutException | NotSentException | HalfCreatedException e) {
            // The queue comes back when the machine answers again, or after the next reset.
            LOG.warn("{}: queue {} not yet back: {}", controller.name(), queue.id, e.getMessage());
            return false;
        } catch (DeviceException e) {
            LOG.warn("{}: queue {} lost: {}", controller.name(), queue.id, e.getMessage());
            queue.end(BlockStatus.IO_ERROR);
            return false;
        } finally {
            controller.admin().lock.unlock();
        }
    }

    /// Whether it makes sense to tell the controller of a queue now: no reset is due, and the
    /// machine answers.
    boolean canRecreate() {
        return controller.phase() == Controller.Phase.RUNNING
                && controller.fault() == null
                && !controller.clock().isStalled();
    }

    /// Throws what a handle threw, unless that is because the lease is over.
    private void requireOver(RuntimeException e) {
        if (controller.hal().isLeaseValid()) {
            throw e;
        }
    }

    /// Ends a queue for its owner. Requests in flight are aborted by deleting the submission queue;
    /// when the lease is over the platform's reset ends them.
    void close(IoQueue queue) {
        do {
            if (!controller.hal().isLeaseValid()) {
                queue.lose();
            }
            settle(queue);
        } while (!tryClose(queue, controller.settings().adminTimeout()));
    }

    /// @return false if the lease turns out to be over, which ends the queue in another way
    private boolean tryClose(IoQueue queue, Duration limit) {
        controller.admin().lock.lock();
        try {
            if (queue.state() == QueueLife.CLOSED) {
                return true;
            }
            boolean forgotten = queue.state() != QueueLife.OPEN || delete(queue, limit);
            if (!forgotten && !controller.hal().isLeaseValid()) {
                // Not asked a second time: it is open no more then.
                queue.lose();
                return false;
            }
            boolean unknown = !forgotten || queue.life.isUnconfirmed();
            queue.closed(unknown);
            if (!unknown) {
                release(queue);
            }
            return true;
        } finally {
            controller.admin().lock.unlock();
        }
    }

    /// Waits until a reset has been confirmed or given up.
    private static void settle(IoQueue queue) {
        long end = System.nanoTime() + SETTLE_NANOS;
        while (queue.life.isUnsettled() && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private boolean delete(IoQueue queue, Duration limit) {
        if (controller.phase() != Controller.Phase.RUNNING) {
            return false;
        }
        try {
            AdminQueue admin = controller.admin();
            admin.execute(AdminCommand.deleteSubmissionQueue(queue.id), limit);
            admin.execute(AdminCommand.deleteCompletionQueue(queue.id), limit);
            return true;
        } catch (LeaseRevokedException | IllegalStateException e) {
            requireOver(e);
            return false;
        } catch (DeviceException e) {
            LOG.warn("{}: queue {} not deleted: {}", controller.name(), queue.id, e.getMessage());
            controller.fault("queue " + queue.id + " could not be deleted");
            return false;
        }
    }

    private void release(IoQueue queue) {
        queues.set(queue.id, null);
        Controller.Phase phase = controller.phase();
        boolean isOver = phase == Controller.Phase.STOPPED || phase == Controller.Phase.PASSED;
        if (controller.hal().isLeaseValid() && !isOver) {
            queue.memory.close();
        }
    }

    // ---- From one generation to the next; the admin lock is held where commands are sent

    /// Brings all queues into a state that can be passed on, while their owners are out. Those that
    /// end with this generation are deleted, so that the controller has nothing of theirs any more.
    ///
    /// @param plain the pair of the plain calls, if it is open
    /// @return whether that worked
    boolean prepareToPass(@Nullable IoQueue plain) {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue == null || queue.state() == QueueLife.ENDED) {
                continue;
            }
            boolean ready = isPassable(queue, plain) ? queue.prepareToPass() : dismiss(queue);
            if (!ready) {
                LOG.info("{}: queue {} cannot be passed on", controller.name(), id);
                return false;
            }
        }
        return true;
    }

    @SuppressWarnings("ReferenceEquality") // queues are identities
    private static boolean isPassable(IoQueue queue, @Nullable IoQueue plain) {
        return (queue == plain || queue.handle() != 0) && queue.namespace().isPresent();
    }

    /// Ends a queue that its client cannot take along. Nothing of it ends before the controller has
    /// forgotten it.
    private boolean dismiss(IoQueue queue) {
        queue.life.freeze();
        boolean known = queue.state() == QueueLife.FROZEN;
        if (queue.state() > QueueLife.EMPTY
                || (known && !delete(queue, controller.settings().recoveryAdminTimeout()))) {
            return false;
        }
        queue.end(BlockStatus.GENERATION_GONE);
        QueueState.Memory memory = queue.memory.save();
        leftovers.add(memory.submission());
        leftovers.add(memory.completion());
        leftovers.add(memory.lists());
        return true;
    }

    /// The addresses of memory that is to be given back.
    long[] leftovers() {
        return leftovers.stream().mapToLong(Long::longValue).toArray();
    }

    void restoreLeftovers(long[] addresses) {
        for (long address : addresses) {
            leftovers.add(address);
        }
    }

    /// Gives back what queues of earlier generations left, when none of their clients can be inside
    /// any more.
    void freeLeftovers() {
        for (long address : leftovers) {
            try {
                controller.hal().adopt(address).close();
            } catch (DeviceException e) {
                LOG.warn("{}: memory not given back: {}", controller.name(), e.getMessage());
            }
        }
        leftovers.clear();
    }

    /// What the next generation needs, after [#prepareToPass].
    List<QueueState> save() {
        List<QueueState> saved = new ArrayList<>();
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null && queue.state() == QueueLife.OPEN) {
                saved.add(queue.save());
            }
        }
        return saved;
    }

    /// The queues are the next generation's.
    void passOn() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null && queue.state() == QueueLife.OPEN) {
                queue.passOn();
            }
        }
    }

    /// Takes over a queue of the generation before.
    IoQueue adopt(QueueState saved, Namespace namespace) {
        StateReader.require(queues.get(saved.id()) == null, "queue twice", saved.id());
        IoQueue queue = IoQueue.adopt(this, saved, namespace);
        queues.set(saved.id(), queue);
        if (saved.handle() != 0) {
            unclaimed.set(saved.id(), queue);
        }
        return queue;
    }

    /// Gives a client the queue that it had in the generation before, once.
    @Nullable IoQueue claim(Namespace namespace, long handle) {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = unclaimed.get(id);
            if (queue != null
                    && queue.handle() == handle
                    && queue.namespace().nsid() == namespace.nsid()
                    && unclaimed.compareAndSet(id, queue, null)) {
                return queue;
            }
        }
        return null;
    }

    /// Closes the queues that no client has asked for.
    ///
    /// @return how many
    int closeUnclaimed() {
        int closed = 0;
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = unclaimed.getAndSet(id, null);
            if (queue != null) {
                LOG.info("{}: nobody took over queue {}", controller.name(), id);
                if (tryClose(queue, controller.settings().recoveryAdminTimeout())) {
                    closed++;
                }
            }
        }
        return closed;
    }

    // ---- For the watch and the interrupt handler; any thread

    @Nullable IoQueue queue(int id) {
        return queues.get(id);
    }

    int last() {
        return granted;
    }

    /// Lets those look again who wait for a vector.
    void signal(int vector) {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null && queue.vector == vector) {
                queue.signal();
            }
        }
    }

    void signalAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.signal();
            }
        }
    }

    void freezeAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.life.freeze();
            }
        }
    }

    /// The reset is confirmed: requests end, and what could not be closed before is.
    void thawAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.thaw();
                if (queue.state() == QueueLife.CLOSED) {
                    queue.closed(false);
                    release(queue);
                }
            }
        }
    }

    /// Leaves all queues to what becomes of the lease.
    void loseAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.lose();
            }
        }
    }

    /// Ends all queues for good.
    void endAll(int status) {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.end(status);
                if (queue.state() == QueueLife.CLOSED && status != BlockStatus.OUTCOME_UNKNOWN) {
                    queue.closed(false);
                }
            }
        }
    }

    /// The controller knows the completion queue, but not the submission queue; a reset follows.
    private static final class HalfCreatedException extends DeviceException {
        private static final long serialVersionUID = 1;

        HalfCreatedException(NotSentException cause) {
            super(String.valueOf(cause.getMessage()), cause);
        }
    }
}
