package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// All lanes of a disk, and what is done to all of them. What changes lanes is called by one thread
/// at a time.
final class LaneSet implements Iterable<Lane> {
    private static final Logger LOG = LoggerFactory.getLogger(LaneSet.class);

    /// How long an owner may stay in the driver's code before others get at his lane; he submits
    /// what waits when he comes back.
    private static final long PUMP_MILLIS = 100;

    /// How long a thread may stay in a lane before those who give lanes a queue go on without it.
    private static final long LEAVE_MILLIS = 1_000;

    /// How long a client may take at least to wake up in the driver's code and leave it.
    private static final long WAKE_MILLIS = 20;

    /// How long a thread may be in our own code, where it never waits, but may be kept waiting.
    private static final long OWN_MILLIS = 500;

    /// How long the reader of figures waits for a lane.
    private static final long LOOK_MILLIS = 100;

    private final StableDisk disk;
    private final ReplayOrder order;
    private final List<Lane> lanes = new CopyOnWriteArrayList<>();

    /// What lanes have counted that are no more. Guarded by itself.
    private final Tally settled = new Tally();

    /// Queues of former generations, to be closed when nobody waits for it. Guarded by itself.
    private final List<BlockQueue> retired = new ArrayList<>();

    LaneSet(StableDisk disk, ReplayOrder order) {
        this.disk = disk;
        this.order = order;
    }

    @Override
    public Iterator<Lane> iterator() {
        return lanes.iterator();
    }

    List<Lane> list() {
        return lanes;
    }

    void add(Lane lane) {
        lanes.add(lane);
    }

    boolean contains(Lane lane) {
        return lanes.contains(lane);
    }

    /// Those that the fewest queues share first.
    List<Lane> leastSharedFirst() {
        return lanes.stream().sorted(Comparator.comparingInt(Lane::memberCount)).toList();
    }

    /// A lane is no more.
    void forget(Lane lane) {
        synchronized (settled) {
            if (lanes.remove(lane)) {
                settled.addCounts(lane.tally());
                settled.addLatencies(lane.tally());
            }
        }
        order.forget(lane.log());
    }

    // ---- In and out

    /// Tells clients to leave the driver's code, without waiting for any.
    void announceClose() {
        lanes.forEach(Lane::announceClose);
    }

    /// Keeps clients out of the driver's code.
    ///
    /// @return whether all have left; where one has not, another lane goes on in its place
    @SuppressWarnings("ReferenceEquality") // lanes are identities
    boolean close(boolean withoutDriver, Deadline deadline) {
        // All together, so that none has to leave in the time that another has left over.
        announceClose();
        boolean all = true;
        for (Lane lane : lanes) {
            Lane entered = enterOrReplace(lane, deadline);
            all &= entered == lane;
            if (entered != null) {
                entered.close(withoutDriver);
                entered.leave();
            }
        }
        return all;
    }

    /// Enters a lane before all clients. A client who is stuck in the driver's code there is left
    /// behind, and another lane goes on.
    ///
    /// @return the lane or the other one; null if a thread stays in our own code there, and then
    ///   the lane is put right when its owner comes by
    @Nullable Lane enterOrReplace(Lane lane, Deadline deadline) {
        if (lane.enterFirst(deadline)
                || (lane.hasSleeper() && lane.enterFirst(Deadline.afterMillis(WAKE_MILLIS)))) {
            return lane;
        }
        return switch (lane.abandonOrEnter(Deadline.afterMillis(OWN_MILLIS))) {
            case ENTERED -> lane;
            case ABANDONED -> heirOf(lane);
            case OCCUPIED -> {
                LOG.warn("{}: a client does not leave its queue", disk.name());
                lane.needRecovery();
                yield null;
            }
        };
    }

    private Lane heirOf(Lane lane) {
        LOG.warn("{}: a client is stuck in the driver's code", disk.name());
        Lane heir = new Lane(lane);
        heir.members().forEach(member -> member.follow(heir));
        int at = lanes.indexOf(lane);
        if (at >= 0) {
            lanes.set(at, heir);
        }
        return heir;
    }

    /// The device is there again.
    void revive() {
        Deadline deadline = Deadline.afterMillis(LEAVE_MILLIS);
        for (Lane lane : lanes) {
            Lane entered = enterOrReplace(lane, deadline);
            if (entered != null) {
                entered.revive();
                entered.leave();
            }
        }
    }

    /// Ends all requests.
    void fail(int status) {
        Deadline deadline = Deadline.afterMillis(LEAVE_MILLIS);
        for (Lane lane : lanes) {
            Lane entered = enterOrReplace(lane, deadline);
            if (entered != null) {
                try {
                    entered.failAll(status);
                    retire(entered);
                    entered.gone();
                } finally {
                    entered.leave();
                }
            }
        }
        wake();
    }

    void wake() {
        lanes.forEach(Lane::wakeMembers);
    }

    /// Collects completions of all lanes, by an owner whose requests wait for replayed ones of
    /// others, who may not look for a while.
    void help() {
        for (Lane lane : lanes) {
            if (lane.tryEnterAfterFirst()) {
                try {
                    if (lane.mode() == Lane.Mode.OPEN && lane.collect() >= 0 && lane.drain()) {
                        lane.wakeMembers();
                    }
                } finally {
                    lane.leave();
                }
            }
        }
    }

    // ---- From one generation to the next

    /// What a generation that is over has still to say. Without the lock: it may hang.
    static void collectLast(Lane lane) {
        if (lane.enterFirst(Deadline.afterMillis(LEAVE_MILLIS))) {
            try {
                lane.collectAll();
            } finally {
                lane.leave();
            }
        }
    }

    void retire(Lane lane) {
        BlockQueue old = lane.uninstall();
        if (old != null) {
            retire(old);
        }
    }

    /// Keeps a queue until it can be closed.
    void retire(BlockQueue queue) {
        synchronized (retired) {
            retired.add(queue);
        }
    }

    /// Closes what was kept. Calls former drivers.
    void closeRetired() {
        List<BlockQueue> old;
        synchronized (retired) {
            old = List.copyOf(retired);
            retired.clear();
        }
        for (BlockQueue queue : old) {
            boolean _ = close(queue);
        }
    }

    /// Closes a queue of a driver. Clients do not hear of it if that fails: the queue may be one of
    /// a generation that is over, of whose bundle nothing is left.
    ///
    /// @return whether it closed
    boolean close(BlockQueue queue) {
        try {
            queue.close();
            return true;
        } catch (RuntimeException | Error e) {
            LOG.warn("{}: the driver fails in close", disk.name(), e);
            return false;
        }
    }

    /// Whether a queue that was closed has nothing left in flight.
    boolean isIdle(BlockQueue queue) {
        try {
            return queue.inFlight() == 0;
        } catch (RuntimeException | Error e) {
            LOG.warn("{}: the driver fails in inFlight", disk.name(), e);
            return false;
        }
    }

    /// A queue of a new generation for a lane.
    ///
    /// @param queue null if there is none
    /// @param pool what the device reaches
    /// @param isAdopted whether it comes with what is in flight
    /// @param inFlight how much the driver says is in flight in a queue taken over
    /// @param fault why it is not known what became of what is in flight, else empty
    record Fresh(
            @Nullable BlockQueue queue,
            Object pool,
            boolean isAdopted,
            int inFlight,
            String fault) {}

    /// Asks a generation for a queue.
    Fresh fresh(Lane lane, Backend now, long handle) {
        BlockQueue adopted;
        int inFlight;
        try {
            adopted = handle == 0 ? null : now.device().adoptQueue(handle);
            inFlight = adopted == null ? 0 : adopted.inFlight();
        } catch (RuntimeException e) {
            // The device may not have been reset: it may still be at what is in flight.
            LOG.warn("{}: the driver fails in adoptQueue", disk.name(), e);
            return new Fresh(null, now, false, 0, disk.name() + ": no queue is taken over: " + e);
        }
        if (adopted != null) {
            return new Fresh(adopted, poolAfter(lane, now), true, inFlight, "");
        }
        try {
            Object pool = now.pool();
            QueueOptions options = lane.options().asPassable();
            return new Fresh(now.device().openQueue(options), pool, false, 0, "");
        } catch (RuntimeException e) {
            LOG.info("{}: a lane gets no queue of its own: {}", disk.name(), e.toString());
            return new Fresh(null, now, false, 0, "");
        }
    }

    /// What a device reaches that was taken over: what it reached before, if it does not say.
    private Object poolAfter(Lane lane, Backend now) {
        try {
            return now.pool();
        } catch (RuntimeException e) {
            LOG.info("{}: no memory yet: {}", disk.name(), e.toString());
            Object known = lane.pool();
            return known == null ? now : known;
        }
    }

    /// Puts it behind its lane.
    void put(Lane behind, Backend now, Fresh fresh) {
        Lane lane = enterOrReplace(behind, Deadline.afterMillis(LEAVE_MILLIS));
        BlockQueue queue = fresh.queue;
        if (lane == null) {
            if (queue != null) {
                retire(queue);
            }
            return;
        }
        try {
            if (!fresh.fault.isEmpty()) {
                lane.notAdopted(fresh.fault);
                return;
            }
            if (fresh.isAdopted) {
                BlockQueue _ = lane.uninstall();
            } else {
                endGeneration(lane, now);
            }
            if (queue != null) {
                lane.install(queue, now, fresh.pool);
            }
            if (queue != null && fresh.isAdopted) {
                lane.adopted(fresh.inFlight);
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
    private void merge(Lane lane, Deadline deadline) {
        Lane other =
                lanes.stream()
                        .filter(each -> !each.equals(lane) && each.inner() != null)
                        .min(Comparator.comparingInt(Lane::memberCount))
                        .orElse(null);
        if (other == null) {
            return;
        }
        if (!other.enterFirst(deadline)) {
            lane.needRecovery();
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

    /// Opens the lanes that have a queue, after it was found out what is left to do of lost
    /// requests. Where a thread does not leave a lane in time its owner asks for recovery later.
    void open() {
        Deadline deadline = Deadline.afterMillis(LEAVE_MILLIS);
        Set<Lane> later = settleLost(deadline);
        for (Lane lane : lanes) {
            if (lane.inner() == null && lane.mismatch().isEmpty() && lane.enterFirst(deadline)) {
                try {
                    merge(lane, deadline);
                } finally {
                    lane.leave();
                }
            }
        }
        for (Lane lane : lanes) {
            if (later.contains(lane) || !lane.enterFirst(deadline)) {
                lane.needRecovery();
                continue;
            }
            try {
                if (lane.memberCount() == 0) {
                    retire(lane);
                    forget(lane);
                } else if (lane.isInnerOpen()) {
                    lane.open();
                }
            } finally {
                lane.leave();
            }
        }
        wake();
    }

    /// Submits what waits: some owners may not look for a while.
    void pump() {
        for (Lane lane : lanes) {
            // Also where an owner is in: he may have seen the lane while it was closed.
            if (lane.enterFirst(Deadline.afterMillis(PUMP_MILLIS))) {
                try {
                    // What was submitted to the generation before may not have been shown.
                    if (lane.mode() == Lane.Mode.OPEN) {
                        lane.drainAndKick();
                    }
                } finally {
                    lane.leave();
                }
            }
        }
    }

    /// Finds out what is left to do of lost requests. All lanes are closed: nothing is acknowledged
    /// meanwhile.
    ///
    /// @return the lanes that could not be entered
    private Set<Lane> settleLost(Deadline deadline) {
        Set<Lane> later = new HashSet<>();
        for (Lane lane : lanes) {
            if (!lane.enterFirst(deadline)) {
                later.add(lane);
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
        return later;
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
        // In front of what waits, and flushes behind the writes that they wait for.
        again.sort(
                Comparator.comparing((Request each) -> each.op != BlockOp.FLUSH)
                        .thenComparing(each -> each.clock, Comparator.reverseOrder()));
        for (Request request : again) {
            request.replays++;
            lane.tally().replayed();
            if (request.changesBlocks()) {
                order.replayBegins(request);
            }
            member.waitFirst(request);
        }
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
            // Those of a lane whose owner does not come back in time are left out.
            if (lane.enterFirst(Deadline.afterMillis(LOOK_MILLIS))) {
                sum.addLatencies(lane.tally());
                lane.leave();
            }
        }
        return sum;
    }
}
