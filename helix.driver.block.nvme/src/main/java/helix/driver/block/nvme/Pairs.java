package helix.driver.block.nvme;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
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

    Pairs(Controller controller, Geometry geometry, int granted) {
        this.controller = controller;
        this.geometry = geometry;
        this.granted = granted;
        queues = new AtomicReferenceArray<>(granted + 1);
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
    /// @param wanted how many requests it should hold
    /// @param sleeps whether waiting sleeps until an interrupt
    /// @param plain whether it is for the plain calls, which have a pair kept for them
    IoQueue open(Namespace namespace, int wanted, boolean sleeps, boolean plain) {
        int depth = Math.min(wanted, geometry.maxDepth());
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
                            depth,
                            vector,
                            sleeps,
                            vector >= 0 && controller.interrupts().dependOnHead(),
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
        } finally {
            controller.admin().lock.unlock();
        }
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
        queue.opened();
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
            if (!canRecreate() || queue.state() != IoQueue.EMPTY) {
                return false;
            }
            create(queue);
            return true;
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

    /// Ends a queue for its owner. Requests in flight are aborted by deleting the submission queue.
    void close(IoQueue queue) {
        settle(queue);
        controller.admin().lock.lock();
        try {
            if (queue.state() == IoQueue.CLOSED) {
                return;
            }
            boolean forgotten = queue.state() != IoQueue.OPEN || delete(queue);
            boolean unknown = !forgotten || queue.isUnconfirmed();
            queue.closed(unknown);
            if (!unknown) {
                release(queue);
            }
        } finally {
            controller.admin().lock.unlock();
        }
    }

    /// Waits until a reset has been confirmed or given up.
    private static void settle(IoQueue queue) {
        long end = System.nanoTime() + SETTLE_NANOS;
        while (queue.isUnsettled() && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private boolean delete(IoQueue queue) {
        if (controller.phase() != Controller.Phase.RUNNING) {
            return false;
        }
        try {
            AdminQueue admin = controller.admin();
            admin.execute(
                    AdminCommand.deleteSubmissionQueue(queue.id),
                    controller.settings().adminTimeout());
            admin.execute(
                    AdminCommand.deleteCompletionQueue(queue.id),
                    controller.settings().adminTimeout());
            return true;
        } catch (DeviceException e) {
            LOG.warn("{}: queue {} not deleted: {}", controller.name(), queue.id, e.getMessage());
            controller.fault("queue " + queue.id + " could not be deleted");
            return false;
        }
    }

    private void release(IoQueue queue) {
        queues.set(queue.id, null);
        Controller.Phase phase = controller.phase();
        if (controller.hal().lease().isValid() && phase != Controller.Phase.STOPPED) {
            queue.memory.close();
        }
    }

    // ---- For the watch and the interrupt handler; any thread

    @Nullable IoQueue queue(int id) {
        return queues.get(id);
    }

    int last() {
        return granted;
    }

    /// Wakes who waits for a vector.
    void wake(int vector) {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null && queue.vector == vector) {
                queue.wake();
            }
        }
    }

    void wakeAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.wake();
            }
        }
    }

    void freezeAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.freeze();
            }
        }
    }

    /// The reset is confirmed: requests end, and what could not be closed before is.
    void thawAll() {
        for (int id = 1; id <= granted; id++) {
            IoQueue queue = queues.get(id);
            if (queue != null) {
                queue.thaw();
                if (queue.state() == IoQueue.CLOSED) {
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
                if (queue.state() == IoQueue.CLOSED && status != BlockStatus.OUTCOME_UNKNOWN) {
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
