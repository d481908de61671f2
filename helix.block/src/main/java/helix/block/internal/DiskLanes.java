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
                    if (done && alone && !parked) {
                        inner = lane.uninstall();
                        forget(lane);
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
            collectFor(lane);
            Gate.pause(i);
        }
    }

    /// As an owner does.
    private static void collectFor(Lane lane) {
        if (lane.enter()) {
            if (lane.mode() == Lane.Mode.OPEN) {
                lane.collectAll();
            }
            lane.leave();
        }
    }

    private void finish(DiskQueue queue, Lane lane, @Nullable BlockQueue inner) {
        try {
            if (inner != null) {
                inner.close();
            }
        } finally {
            order.queues().remove(queue);
            if (lane.enterFirst()) {
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
            revive();
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

    private void revive() {
        for (Lane lane : lanes) {
            if (lane.enterFirst()) {
                lane.revive();
                lane.leave();
            }
        }
    }

    /// The driver is gone, the device is there.
    void detach() {
        work.lock();
        try {
            epoch++;
            filling = false;
            backend = null;
            closeLanes(!parked, Deadline.afterMillis(LEAVE_MILLIS));
            wakeAll();
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
            closeLanes(false, Deadline.afterMillis(LEAVE_MILLIS));
        } finally {
            work.unlock();
        }
        lanes.forEach(DiskLanes::collectLast);
        work.lock();
        try {
            if (at == epoch) {
                failAll();
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        closeRetired();
    }

    private void failAll() {
        for (Lane lane : lanes) {
            if (lane.enterFirst()) {
                lane.failAll(BlockStatus.DEVICE_GONE);
                retire(lane);
                lane.gone();
                lane.leave();
            }
        }
        wakeAll();
    }

    /// What a generation that is over has still to say. Without the lock: it may hang.
    private static void collectLast(Lane lane) {
        if (lane.enterFirst()) {
            lane.collectAll();
            lane.leave();
        }
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
            if (lane.enterFirst(deadline) || !lane.abandonOrEnter()) {
                lane.close(withoutDriver);
                lane.leave();
                continue;
            }
            all = false;
            LOG.warn("{}: a client is stuck in the driver's code", disk.name());
            Lane heir = new Lane(lane);
            heir.close(withoutDriver);
            heir.members().forEach(member -> member.follow(heir));
            lanes.set(lanes.indexOf(lane), heir);
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
            Fresh fresh = fresh(lane, now, handle);
            if (!fresh.isAdopted) {
                collectLast(lane);
            }
            work.lock();
            try {
                if (at == epoch && lanes.contains(lane)) {
                    put(lane, now, fresh);
                } else if (fresh.queue != null) {
                    retired.add(fresh.queue);
                }
            } finally {
                work.unlock();
            }
        }
    }

    /// A queue of a new generation for a lane.
    ///
    /// @param queue null if there is none
    /// @param pool what the device reaches
    /// @param isAdopted whether it comes with what is in flight
    private record Fresh(@Nullable BlockQueue queue, Object pool, boolean isAdopted) {}

    private Fresh fresh(Lane lane, Backend now, long handle) {
        try {
            Object pool = now.pool();
            BlockQueue adopted = handle == 0 ? null : now.device().adoptQueue(handle);
            if (adopted != null) {
                return new Fresh(adopted, pool, true);
            }
            QueueOptions options = lane.options().asPassable();
            return new Fresh(now.device().openQueue(options), pool, false);
        } catch (RuntimeException e) {
            LOG.info("{}: a lane gets no queue of its own: {}", disk.name(), e.toString());
            return new Fresh(null, now, false);
        }
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    private static boolean isBehind(Backend now, Lane lane) {
        return lane.backend() == now && lane.inner() != null;
    }

    private void put(Lane lane, Backend now, Fresh fresh) {
        if (!lane.enterFirst()) {
            return;
        }
        try {
            BlockQueue queue = fresh.queue;
            if (fresh.isAdopted) {
                lane.uninstall();
            } else {
                endGeneration(lane, now);
            }
            if (queue != null) {
                lane.install(queue, now, fresh.pool);
            }
            if (queue != null && fresh.isAdopted) {
                lane.adopted(queue.inFlight());
            }
        } finally {
            lane.leave();
        }
    }

    /// What a queue of a former generation has in flight will not happen any more.
    @SuppressWarnings("ReferenceEquality") // backends are identities
    private void endGeneration(Lane lane, Backend now) {
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
        if (other == null || !other.enterFirst()) {
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
            if (lane.inner() == null && lane.enterFirst()) {
                merge(lane);
                lane.leave();
            }
        }
        for (Lane lane : lanes) {
            if (!lane.enterFirst()) {
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
            if (!lane.enterFirst()) {
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
            if (!parked && !filling && backend != null) {
                closeLanes(false, Deadline.afterMillis(LEAVE_MILLIS));
                reopen();
            }
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
        if (!lockBy(deadline)) {
            return false;
        }
        try {
            parked = true;
            boolean all = awaitCallers(deadline) & closeLanes(false, deadline);
            for (Lane lane : lanes) {
                if (lane.enterFirst()) {
                    lane.rememberHandle();
                    lane.leave();
                }
            }
            return all;
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
                if (lane.enterFirst()) {
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
                closeLanes(true, Deadline.afterMillis(LEAVE_MILLIS));
            } else {
                reopen();
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        closeRetired();
    }

    /// What is wrong with the queues of the new generation, empty if nothing is.
    String fault() {
        boolean needed = false;
        boolean some = false;
        for (Lane lane : lanes) {
            String found = lane.mismatch();
            if (!found.isEmpty()) {
                return found;
            }
            BlockQueue queue = lane.inner();
            needed |= !lane.members().isEmpty();
            some |= queue != null && queue.isOpen();
        }
        return needed && !some ? disk.name() + ": the driver gives no queue" : "";
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
