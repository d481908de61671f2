package helix.block.internal;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
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
    private final List<Lane> lanes = new CopyOnWriteArrayList<>();

    /// What lanes have counted that are no more. Guarded by itself.
    private final Tally settled = new Tally();

    // Guarded by the lock.
    private @Nullable Backend backend;
    private long epoch;
    private boolean parked;
    private boolean absent;

    /// Whether lanes are closed until all have a queue of a new generation.
    private boolean filling;

    /// Threads that call the driver for memory or a queue.
    private int callers;

    /// Queues of former generations, to be closed when nobody waits for it.
    private final List<BlockQueue> retired = new ArrayList<>();

    DiskLanes(StableDisk disk, ReplayOrder order) {
        this.disk = disk;
        this.order = order;
    }

    // ---- Clients

    /// Calls the driver for something, as soon as there is one.
    <T> T call(Function<Backend, T> what) {
        Backend now = beginCall();
        try {
            return what.apply(now);
        } finally {
            endCall();
        }
    }

    private Backend beginCall() {
        work.lock();
        try {
            long left = disk.parkNanos();
            while (!absent && (parked || backend == null)) {
                if (left <= 0) {
                    throw new BlockException(
                            disk.name() + " has no driver", BlockStatus.GENERATION_GONE);
                }
                left = changed.awaitNanos(left);
            }
            Backend now = backend;
            if (now == null) {
                throw new DeviceGoneException(disk.name() + " is absent");
            }
            callers++;
            return now;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while " + disk.name() + " has no driver", e);
        } finally {
            work.unlock();
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
                    Lane lane = new Lane(disk.name(), order, disk.blockSize(), options);
                    lane.close(backend == null);
                    return add(lane, new DiskQueue(access, lane, check, depth));
                }
                callers++;
            } finally {
                work.unlock();
            }
            DiskQueue queue = null;
            BlockException none = null;
            try {
                queue = openWith(now, at, access, options, check, depth);
            } catch (BlockException e) {
                if (e.status() != BlockStatus.NO_QUEUE) {
                    throw e;
                }
                none = e;
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
                retired.add(inner);
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
            Lane lane =
                    lanes.stream()
                            .min(Comparator.comparingInt(Lane::memberCount))
                            .orElseThrow(() -> none);
            if (!lane.enter()) {
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
                if (!lane.enter()) {
                    continue;
                }
                try {
                    queue.discardHeldBack(lane);
                    boolean alone = lane.memberCount() == 1;
                    done = !queue.hasIssued() || (alone && !parked) || deadline.isExpired();
                    if (done && alone && !parked) {
                        inner = lane.uninstall();
                        forget(lane);
                    } else if (!done && lane.mode() == Lane.Mode.OPEN) {
                        lane.collectAll();
                    }
                } finally {
                    lane.leave();
                }
            } finally {
                work.unlock();
            }
            if (done) {
                finish(queue, lane, inner);
                return;
            }
            Gate.pause(i);
        }
    }

    private void finish(DiskQueue queue, Lane lane, @Nullable BlockQueue inner) {
        try {
            if (inner != null) {
                inner.close();
            }
        } finally {
            order.queues().remove(queue);
            if (lane.enter()) {
                if (inner != null || !queue.hasIssued()) {
                    queue.discardIssued(lane);
                    lane.remove(queue);
                    queue.freeMemory();
                } else {
                    LOG.warn("{}: closed with requests that do not end", disk.name());
                }
                lane.leave();
            }
        }
    }

    private void forget(Lane lane) {
        synchronized (settled) {
            if (lanes.remove(lane)) {
                settled.addCounts(lane.tally());
                settled.addLatencies(lane.tally());
            }
        }
        order.forget(lane.log());
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
            closeLanes(false, Deadline.afterMillis(LEAVE_MILLIS));
        } finally {
            work.unlock();
        }
        fill(at);
        work.lock();
        try {
            if (at == epoch && !parked) {
                reopen();
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        closeRetired();
    }

    /// The driver is gone, the device is there.
    void detach() {
        work.lock();
        try {
            epoch++;
            backend = null;
            closeLanes(!parked, Deadline.afterMillis(LEAVE_MILLIS));
            wakeAll();
        } finally {
            work.unlock();
        }
    }

    /// The device is gone.
    void remove() {
        work.lock();
        try {
            epoch++;
            backend = null;
            absent = true;
            closeLanes(false, Deadline.afterMillis(LEAVE_MILLIS));
            for (Lane lane : lanes) {
                if (lane.enter()) {
                    lane.collectAll();
                    lane.failAll(BlockStatus.DEVICE_GONE);
                    retire(lane);
                    lane.gone();
                    lane.leave();
                }
            }
            wakeAll();
            changed.signalAll();
        } finally {
            work.unlock();
        }
        closeRetired();
    }

    private void wakeAll() {
        lanes.forEach(Lane::wakeMembers);
    }

    private void retire(Lane lane) {
        BlockQueue old = lane.uninstall();
        if (old != null) {
            retired.add(old);
        }
    }

    /// Keeps clients out of the driver's code.
    ///
    /// @return whether all have left; where one has not, another lane goes on in its place
    private boolean closeLanes(boolean withoutDriver, Deadline deadline) {
        boolean all = true;
        for (Lane lane : lanes) {
            if (lane.enter(deadline) || !lane.abandonOrEnter()) {
                lane.close(withoutDriver);
                lane.leave();
                continue;
            }
            all = false;
            LOG.warn("{}: a client is stuck in the driver's code", disk.name());
            Lane heir = new Lane(lane);
            heir.close(withoutDriver);
            heir.members().forEach(member -> member.follow(heir));
            lanes.remove(lane);
            lanes.add(heir);
            heir.leave();
        }
        return all;
    }

    /// Gives each lane a queue of the driver now there.
    private void fill(long at) {
        for (Lane lane : lanes) {
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
            BlockQueue adopted = adopt(now, handle);
            BlockQueue queue = adopted == null ? openFor(lane, now) : adopted;
            Object pool = now.pool();
            work.lock();
            try {
                if (at != epoch || !lanes.contains(lane)) {
                    if (queue != null) {
                        retired.add(queue);
                    }
                    continue;
                }
                put(lane, now, queue, pool, adopted != null);
            } finally {
                work.unlock();
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    private static boolean isBehind(Backend now, Lane lane) {
        return lane.backend() == now && lane.inner() != null;
    }

    private @Nullable BlockQueue openFor(Lane lane, Backend now) {
        try {
            return now.device().openQueue(lane.options().asPassable());
        } catch (RuntimeException e) {
            LOG.info("{}: a lane gets no queue of its own: {}", disk.name(), e.toString());
            return null;
        }
    }

    private @Nullable BlockQueue adopt(Backend now, long handle) {
        if (handle == 0) {
            return null;
        }
        try {
            return now.device().adoptQueue(handle);
        } catch (RuntimeException e) {
            LOG.warn("{}: a queue cannot be taken over", disk.name(), e);
            return null;
        }
    }

    private void put(
            Lane lane, Backend now, @Nullable BlockQueue queue, Object pool, boolean isAdopted) {
        if (!lane.enter()) {
            return;
        }
        try {
            if (isAdopted) {
                lane.uninstall();
            } else {
                endGeneration(lane, now);
            }
            if (queue == null) {
                return;
            }
            lane.install(queue, now, pool);
            if (isAdopted) {
                lane.adopted(queue.inFlight());
            }
        } finally {
            lane.leave();
        }
    }

    /// What a queue of a former generation has in flight will not happen any more.
    @SuppressWarnings("ReferenceEquality") // backends are identities
    private void endGeneration(Lane lane, Backend now) {
        lane.collectAll();
        if (lane.backend() == now && lane.issued() > 0) {
            // The device was not reset: a client was stuck, and is with the same generation again.
            lane.failIssued(BlockStatus.OUTCOME_UNKNOWN, System.nanoTime());
        }
        lane.lose();
        retire(lane);
    }

    /// Moves the queues of a lane to another, since the device has fewer than the one before.
    private void merge(Lane lane) {
        Lane other =
                lanes.stream()
                        .filter(each -> !each.equals(lane) && each.inner() != null)
                        .min(Comparator.comparingInt(Lane::memberCount))
                        .orElse(null);
        if (other == null || !other.enter()) {
            return;
        }
        try {
            lane.members().forEach(member -> member.moveTo(other));
        } finally {
            other.leave();
        }
        forget(lane);
        lane.abandon();
    }

    /// Lets requests go to the device: first what has to be done again, then what waited.
    private void reopen() {
        filling = false;
        settleLost();
        for (Lane lane : lanes) {
            if (lane.inner() == null && lane.enter()) {
                merge(lane);
                lane.leave();
            }
        }
        for (Lane lane : lanes) {
            if (!lane.enter()) {
                continue;
            }
            BlockQueue inner = lane.inner();
            if (lane.memberCount() == 0) {
                retire(lane);
                forget(lane);
            } else if (inner != null && inner.isOpen()) {
                lane.open();
                lane.drain();
            }
            lane.leave();
            lane.wakeMembers();
        }
    }

    /// Finds out what is left to do of lost requests. All lanes are closed: nothing is acknowledged
    /// meanwhile.
    private void settleLost() {
        for (Lane lane : lanes) {
            if (!lane.enter()) {
                continue;
            }
            try {
                for (DiskQueue member : lane.members()) {
                    settleLost(lane, member);
                }
            } finally {
                lane.leave();
            }
        }
    }

    private void settleLost(Lane lane, DiskQueue member) {
        List<Request> again = new ArrayList<>();
        while (member.hasLost()) {
            Request request = member.takeLost();
            int status = order.settle(request, disk.blockSize());
            if (status == ReplayOrder.SUBMIT_AGAIN) {
                again.add(request);
            } else {
                lane.end(request, status, System.nanoTime());
            }
        }
        again.sort(Comparator.comparingLong((Request r) -> r.clock).reversed());
        for (Request request : again) {
            request.replays++;
            lane.tally().replayed();
            if (request.changesBlocks()) {
                order.replayBegins(request);
            }
            member.waitFirst(request);
        }
    }

    /// The device was reset under a driver that lives on: what it has aborted is submitted again.
    void recover() {
        if (!work.tryLock()) {
            return;
        }
        try {
            if (parked || backend == null) {
                return;
            }
            closeLanes(false, Deadline.afterMillis(LEAVE_MILLIS));
            for (Lane lane : lanes) {
                if (lane.enter()) {
                    lane.collectAll();
                    lane.leave();
                }
            }
            reopen();
        } finally {
            work.unlock();
        }
    }

    /// Collects completions of all lanes, by an owner whose requests wait for replayed ones of
    /// others, who may not look for a while.
    void help() {
        for (Lane lane : lanes) {
            if (lane.tryEnter()) {
                if (lane.mode() == Lane.Mode.OPEN) {
                    lane.collect();
                }
                lane.leave();
                lane.wakeMembers();
            }
        }
    }

    private void closeRetired() {
        List<BlockQueue> old;
        work.lock();
        try {
            old = List.copyOf(retired);
            retired.clear();
        } finally {
            work.unlock();
        }
        for (BlockQueue queue : old) {
            try {
                queue.close();
            } catch (RuntimeException e) {
                LOG.info("{}: a former driver's queue does not close", disk.name(), e);
            }
        }
    }

    // ---- Passages

    /// Keeps clients out of the driver's code, and asks its queues by what numbers the next
    /// generation gives them.
    boolean park(Deadline deadline) {
        work.lock();
        try {
            parked = true;
            boolean all = awaitCallers(deadline) & closeLanes(false, deadline);
            for (Lane lane : lanes) {
                if (lane.enter()) {
                    lane.rememberHandle();
                    lane.leave();
                }
            }
            return all;
        } finally {
            work.unlock();
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
                if (lane.enter()) {
                    lane.collectAll();
                    issued += lane.issued();
                    lane.leave();
                    lane.wakeMembers();
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
        long at;
        work.lock();
        try {
            at = epoch;
        } finally {
            work.unlock();
        }
        fill(at);
        work.lock();
        try {
            parked = false;
            if (backend == null) {
                closeLanes(!absent, Deadline.afterMillis(LEAVE_MILLIS));
            } else {
                reopen();
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        closeRetired();
    }

    /// How many requests in flight a new generation has not told the same number of, that of the
    /// first lane where they differ; else empty.
    String mismatch() {
        for (Lane lane : lanes) {
            String found = lane.mismatch();
            if (!found.isEmpty()) {
                return found;
            }
        }
        return "";
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

    // ---- Figures

    /// How many requests have ended.
    long ended() {
        synchronized (settled) {
            long sum = settled.ended();
            for (Lane lane : lanes) {
                sum += lane.tally().ended();
            }
            return sum;
        }
    }

    Tally counts() {
        Tally sum = new Tally();
        synchronized (settled) {
            sum.addCounts(settled);
            lanes.forEach(lane -> sum.addCounts(lane.tally()));
        }
        return sum;
    }

    Tally latencies() {
        Tally sum = new Tally();
        synchronized (settled) {
            sum.addLatencies(settled);
        }
        for (Lane lane : lanes) {
            if (lane.enter()) {
                sum.addLatencies(lane.tally());
                lane.leave();
            }
        }
        return sum;
    }
}
