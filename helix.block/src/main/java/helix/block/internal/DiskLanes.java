package helix.block.internal;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The lanes of a disk, and what becomes of them when drivers come and go.
///
/// The lock is not held while the driver is called for a new queue, so that one that hangs there
/// keeps nobody from replacing it: whoever comes back finds the epoch changed. Lanes are entered
/// with the lock held, never the other way round.
final class DiskLanes {
    private static final Logger LOG = LoggerFactory.getLogger(DiskLanes.class);

    /// How long a client may take to leave the code of a driver that is gone.
    private static final long LEAVE_MILLIS = 1_000;

    private final StableDisk disk;
    private final ReplayOrder order;
    private final ReentrantLock work = new ReentrantLock();
    private final Condition changed = work.newCondition();
    private final LaneSet lanes;

    // Guarded by the lock.
    private @Nullable Backend backend;
    private long epoch;
    private boolean parked;
    private boolean absent;

    /// Whether lanes are closed until all have a queue of a new generation.
    private boolean filling;

    /// Threads that call the driver for memory or a queue.
    private int callers;

    DiskLanes(StableDisk disk, ReplayOrder order) {
        this.disk = disk;
        this.order = order;
        lanes = new LaneSet(disk, order);
    }

    /// The lanes; what changes them is done here.
    LaneSet all() {
        return lanes;
    }

    // ---- Clients

    /// Calls the driver for something, as soon as there is one; the next one if this one's
    /// generation ends meanwhile.
    <T> T call(Function<Backend, T> what) {
        Deadline deadline = Deadline.after(Duration.ofNanos(disk.parkNanos()));
        while (true) {
            Call call = beginCall(deadline);
            RuntimeException ended;
            try {
                return what.apply(call.to);
            } catch (RuntimeException e) {
                if (!Backend.isOver(e)) {
                    throw e;
                }
                ended = e;
            } finally {
                endCall();
            }
            awaitNext(call.epoch, deadline, ended);
        }
    }

    /// A call of the driver.
    private record Call(Backend to, long epoch) {}

    private Call beginCall(Deadline deadline) {
        work.lock();
        try {
            if (!awaitUntil(() -> absent || (!parked && backend != null), deadline)) {
                throw new BlockException(
                        disk.name() + " has no driver", BlockStatus.GENERATION_GONE);
            }
            Backend now = backend;
            if (now == null) {
                throw new DeviceGoneException(disk.name() + " is absent");
            }
            callers++;
            return new Call(now, epoch);
        } finally {
            work.unlock();
        }
    }

    /// Waits until a generation that has said that it is over is replaced.
    private void awaitNext(long last, Deadline deadline, RuntimeException ended) {
        work.lock();
        try {
            if (!awaitUntil(() -> epoch != last, deadline)) {
                throw ended;
            }
        } finally {
            work.unlock();
        }
    }

    /// @return false if the time is over before that
    private boolean awaitUntil(BooleanSupplier condition, Deadline deadline) {
        try {
            while (!condition.getAsBoolean()) {
                long left = deadline.remainingNanos();
                if (left <= 0) {
                    return false;
                }
                boolean _ = changed.await(left, TimeUnit.NANOSECONDS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while " + disk.name() + " has no driver", e);
        }
    }

    private void endCall() {
        work.lock();
        try {
            callers--;
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// Opens a queue; without a driver it waits for one.
    DiskQueue open(DiskAccess access, QueueOptions options, RequestCheck check, int depth) {
        while (true) {
            Backend now;
            long at;
            work.lock();
            try {
                if (absent) {
                    throw new DeviceGoneException(disk.name() + " is absent");
                }
                now = parked ? null : backend;
                at = epoch;
                if (now == null) {
                    return openParked(access, options, check, depth);
                }
                callers++;
            } finally {
                work.unlock();
            }
            DiskQueue queue = null;
            BlockException none = null;
            try {
                queue = openWith(now, at, access, options, check, depth);
            } catch (RuntimeException e) {
                if (e instanceof BlockException b && b.status() == BlockStatus.NO_QUEUE) {
                    none = b;
                } else if (Backend.isOver(e)) {
                    queue = parkIn(at, access, options, check, depth);
                } else {
                    throw e;
                }
            } finally {
                endCall();
            }
            if (none != null) {
                queue = share(access, check, options, depth, none);
            }
            if (queue != null) {
                return queue;
            }
        }
    }

    /// A queue in a lane that has no queue of a device yet. With the lock held.
    private DiskQueue openParked(
            DiskAccess access, QueueOptions options, RequestCheck check, int depth) {
        Lane lane = new Lane(disk.name(), order, disk.blockSize(), options);
        lane.close(backend == null);
        return add(lane, new DiskQueue(access, lane, check, depth));
    }

    /// A queue that waits for the next generation, since this one has said that it is over.
    ///
    /// @return null if the next one is there already
    private @Nullable DiskQueue parkIn(
            long at, DiskAccess access, QueueOptions options, RequestCheck check, int depth) {
        work.lock();
        try {
            return at == epoch ? openParked(access, options, check, depth) : null;
        } finally {
            work.unlock();
        }
    }

    private @Nullable DiskQueue openWith(
            Backend now,
            long at,
            DiskAccess access,
            QueueOptions options,
            RequestCheck check,
            int depth) {
        Object pool = now.pool();
        BlockQueue inner = now.device().openQueue(options.asPassable());
        work.lock();
        try {
            if (at != epoch) {
                lanes.retire(inner);
                return null;
            }
            Lane lane = new Lane(disk.name(), order, disk.blockSize(), options);
            lane.install(inner, now, pool);
            DiskQueue queue = new DiskQueue(access, lane, check, Math.min(depth, inner.depth()));
            if (!parked && !filling) {
                lane.open();
            }
            return add(lane, queue);
        } finally {
            work.unlock();
        }
    }

    private DiskQueue add(Lane lane, DiskQueue queue) {
        order.queues().add(queue);
        lanes.add(lane);
        return queue;
    }

    /// A queue in the lane with the fewest, since the device has none left.
    private @Nullable DiskQueue share(
            DiskAccess access,
            RequestCheck check,
            QueueOptions options,
            int depth,
            BlockException none) {
        work.lock();
        try {
            Lane lane = lanes.leastShared();
            if (lane == null) {
                throw none;
            }
            if (!lane.enterFirst()) {
                return null;
            }
            try {
                DiskQueue queue =
                        new DiskQueue(access, lane, check, Math.min(depth, options.depth()));
                order.queues().add(queue);
                return queue;
            } finally {
                lane.leave();
            }
        } finally {
            work.unlock();
        }
    }

    /// Closes a queue, after what it has in flight.
    void close(DiskQueue queue, Deadline deadline) {
        for (int i = 0; ; i++) {
            Lane lane = null;
            BlockQueue inner = null;
            boolean done;
            work.lock();
            try {
                lane = queue.lane();
                if (!lane.enterFirst()) {
                    continue;
                }
                try {
                    queue.discardHeldBack(lane);
                    boolean alone = lane.memberCount() == 1;
                    done = !queue.hasIssued() || (alone && !parked) || deadline.isExpired();
                    if (done) {
                        // A passage waits for who closes a queue, too.
                        callers++;
                    }
                    if (done && alone && !parked) {
                        inner = lane.uninstall();
                        lanes.forget(lane);
                    }
                } finally {
                    lane.leave();
                }
            } finally {
                work.unlock();
            }
            if (done) {
                try {
                    finish(queue, lane, inner);
                } finally {
                    endCall();
                }
                return;
            }
            collectFor(lane);
            Gate.pause(i);
        }
    }

    /// As an owner does.
    private static void collectFor(Lane lane) {
        if (lane.enter()) {
            try {
                if (lane.mode() == Lane.Mode.OPEN) {
                    lane.collectAll();
                }
            } finally {
                lane.leave();
            }
        }
    }

    private void finish(DiskQueue queue, Lane lane, @Nullable BlockQueue inner) {
        // A queue with requests left is one that the device may still be at.
        boolean ended = inner != null && lanes.close(inner) && lanes.isIdle(inner);
        order.queues().remove(queue);
        if (!lane.enterFirst()) {
            return;
        }
        try {
            if (ended || !queue.hasIssued()) {
                queue.discardIssued(lane);
                lane.remove(queue);
                queue.freeMemory();
            } else {
                LOG.warn("{}: closed with requests that do not end", disk.name());
                queue.giveUpIssued();
            }
        } finally {
            lane.leave();
        }
    }

    // ---- Drivers

    /// A driver's generation serves the disk from now on. Where one was handed over to it without a
    /// reset, it gives the queues of the one before with what is in flight; else the device was
    /// reset, since it would not have got it otherwise.
    void attach(Backend next) {
        long at;
        work.lock();
        try {
            epoch++;
            at = epoch;
            backend = next;
            absent = false;
            filling = true;
            lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
            lanes.revive();
        } finally {
            work.unlock();
        }
        Set<Lane> asked = new HashSet<>();
        boolean serves = false;
        boolean complete = false;
        while (!complete) {
            fill(at, asked);
            work.lock();
            try {
                complete = at != epoch || asked.containsAll(lanes.list());
                serves = at == epoch && !parked;
                if (complete && serves) {
                    filling = false;
                    lanes.open();
                }
                changed.signalAll();
            } finally {
                work.unlock();
            }
        }
        if (serves) {
            lanes.pump();
            lanes.closeRetired();
        }
    }

    /// The driver is gone, the device is there.
    void detach() {
        work.lock();
        try {
            epoch++;
            filling = false;
            backend = null;
            lanes.close(!parked, Deadline.afterMillis(LEAVE_MILLIS));
            lanes.wake();
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// The device is gone.
    void remove() {
        long at;
        work.lock();
        try {
            epoch++;
            at = epoch;
            filling = false;
            backend = null;
            absent = true;
            lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
        } finally {
            work.unlock();
        }
        lanes.forEach(LaneSet::collectLast);
        work.lock();
        try {
            if (at == epoch) {
                lanes.fail(BlockStatus.DEVICE_GONE);
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        lanes.closeRetired();
    }

    /// Gives each lane a queue of the driver now there.
    ///
    /// @param asked lanes for which it was asked already
    private void fill(long at, Set<Lane> asked) {
        for (Lane lane : lanes) {
            if (!asked.add(lane)) {
                continue;
            }
            Backend now;
            long handle;
            work.lock();
            try {
                now = backend;
                if (at != epoch || now == null) {
                    return;
                }
                if (isBehind(now, lane)) {
                    continue;
                }
                handle = lane.handle();
            } finally {
                work.unlock();
            }
            LaneSet.Fresh fresh = lanes.fresh(lane, now, handle);
            if (!fresh.isAdopted() && fresh.fault().isEmpty()) {
                LaneSet.collectLast(lane);
            }
            work.lock();
            try {
                // Another thread may have been faster.
                if (at == epoch && lanes.contains(lane) && !isBehind(now, lane)) {
                    lanes.put(lane, now, fresh);
                } else if (fresh.queue() != null) {
                    lanes.retire(fresh.queue());
                }
            } finally {
                work.unlock();
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    private static boolean isBehind(Backend now, Lane lane) {
        return lane.backend() == now && lane.inner() != null;
    }

    /// The device was reset under a driver that lives on: what it has aborted is submitted again.
    void recover() {
        if (!work.tryLock()) {
            return;
        }
        try {
            if (!parked && !filling && backend != null) {
                lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
                lanes.open();
            }
        } finally {
            work.unlock();
        }
        lanes.pump();
    }

    // ---- Passages

    /// Keeps clients out of the driver's code, and asks its queues by what numbers the next
    /// generation gives them.
    boolean park(Deadline deadline) {
        if (!lockBy(deadline)) {
            return false;
        }
        try {
            parked = true;
            boolean noCallers = awaitCallers(deadline);
            boolean noClients = lanes.close(false, deadline);
            for (Lane lane : lanes) {
                if (lane.enterFirst()) {
                    try {
                        lane.rememberHandle();
                    } finally {
                        lane.leave();
                    }
                }
            }
            return noCallers && noClients;
        } finally {
            work.unlock();
        }
    }

    private boolean lockBy(Deadline deadline) {
        try {
            return work.tryLock(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private boolean awaitCallers(Deadline deadline) {
        try {
            while (callers > 0) {
                long left = deadline.remainingNanos();
                if (left == 0 || !changed.await(left, TimeUnit.NANOSECONDS)) {
                    return false;
                }
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// Waits until nothing is in flight.
    boolean drain(Deadline deadline) {
        for (int i = 0; ; i++) {
            int issued = 0;
            for (Lane lane : lanes) {
                if (lane.enterFirst(deadline)) {
                    try {
                        // The last of it may not have been shown when the lane was closed.
                        if (i > 0 || lane.kick()) {
                            lane.collectAll();
                        }
                    } finally {
                        issued += lane.issued();
                        lane.leave();
                    }
                    lane.wakeMembers();
                } else {
                    issued++;
                }
            }
            if (issued == 0) {
                return true;
            }
            if (deadline.isExpired()) {
                return false;
            }
            Gate.pause(i);
        }
    }

    /// Lets clients go on.
    void resume() {
        long at = -1;
        Set<Lane> asked = new HashSet<>();
        while (!resume(at, asked)) {
            // Clients open queues and drivers come meanwhile.
            long now = epoch();
            if (now != at) {
                asked.clear();
                at = now;
            }
            fill(at, asked);
        }
        lanes.pump();
        lanes.closeRetired();
    }

    private long epoch() {
        work.lock();
        try {
            return epoch;
        } finally {
            work.unlock();
        }
    }

    /// @return false if not all lanes have been given a queue of the driver now there
    private boolean resume(long at, Set<Lane> asked) {
        work.lock();
        try {
            if (at != epoch || (backend != null && !asked.containsAll(lanes.list()))) {
                return false;
            }
            parked = false;
            if (backend == null) {
                lanes.close(true, Deadline.afterMillis(LEAVE_MILLIS));
            } else {
                filling = false;
                lanes.open();
            }
            changed.signalAll();
            return true;
        } finally {
            work.unlock();
        }
    }

    /// The driver's generation that serves now.
    @Nullable Backend backend() {
        work.lock();
        try {
            return backend;
        } finally {
            work.unlock();
        }
    }
}
