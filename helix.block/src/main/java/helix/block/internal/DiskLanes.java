package helix.block.internal;

import helix.driver.api.block.BlockStatus;
import helix.hal.api.Deadline;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The lanes of a disk, and what becomes of them when drivers come and go.
///
/// The lock is not held while the driver is called for a new queue, so that one that hangs there
/// keeps nobody from replacing it: whoever comes back finds the epoch changed. Lanes are entered
/// with the lock held, never the other way round.
final class DiskLanes {
    /// How long a client may take to leave the code of a driver that is gone.
    private static final long LEAVE_MILLIS = 1_000;

    private final DriverCalls calls;
    private final LaneSet lanes;
    private final QueueDoor door;

    /// Counts passages, so that one that was left behind does not meddle with the next. Guarded by
    /// the lock of `calls`.
    private long turn;

    DiskLanes(StableDisk disk, ReplayOrder order) {
        calls = new DriverCalls(disk);
        lanes = new LaneSet(disk, order);
        door = new QueueDoor(disk, order, calls, lanes);
    }

    /// The lanes; what changes them is done here.
    LaneSet all() {
        return lanes;
    }

    /// Who opens and closes queues.
    QueueDoor door() {
        return door;
    }

    /// Calls the driver for something, as soon as there is one.
    <T> T call(Function<Backend, T> what) {
        return calls.call(what);
    }

    // ---- Drivers

    /// A driver's generation serves the disk from now on. Where one was handed over to it without a
    /// reset, it gives the queues of the one before with what is in flight; else the device was
    /// reset, since it would not have got it otherwise.
    void attach(Backend next) {
        long at;
        calls.work.lock();
        try {
            at = calls.turn(next);
            calls.absent = false;
            lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
            lanes.revive();
        } finally {
            calls.work.unlock();
        }
        fillAndOpen(at, new HashSet<>());
    }

    /// Gives each lane a queue of the driver now there and opens all, unless they are parked.
    private void fillAndOpen(long at, Set<Lane> asked) {
        boolean serves = false;
        boolean complete = false;
        while (!complete) {
            fill(at, asked);
            calls.work.lock();
            try {
                complete = at != calls.epoch || asked.containsAll(lanes.list());
                serves = at == calls.epoch && !calls.parked;
                if (complete && serves) {
                    calls.filling = false;
                    lanes.open();
                }
                calls.signal();
            } finally {
                calls.work.unlock();
            }
        }
        if (serves) {
            lanes.pump();
            lanes.closeRetired();
        }
    }

    /// The driver is gone, the device is there.
    void detach() {
        calls.work.lock();
        try {
            long _ = calls.turn(null);
            lanes.close(!calls.parked, Deadline.afterMillis(LEAVE_MILLIS));
            lanes.wake();
            calls.signal();
        } finally {
            calls.work.unlock();
        }
    }

    /// The device is gone.
    void remove() {
        long at;
        calls.work.lock();
        try {
            at = calls.turn(null);
            calls.absent = true;
            lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
        } finally {
            calls.work.unlock();
        }
        lanes.forEach(LaneSet::collectLast);
        calls.work.lock();
        try {
            if (at == calls.epoch) {
                lanes.fail(BlockStatus.DEVICE_GONE);
            }
            calls.signal();
        } finally {
            calls.work.unlock();
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
            calls.work.lock();
            try {
                now = calls.backend;
                if (at != calls.epoch || now == null) {
                    return;
                }
                if (isBehind(now, lane)) {
                    continue;
                }
                handle = lane.handle();
            } finally {
                calls.work.unlock();
            }
            LaneSet.Fresh fresh = lanes.fresh(lane, now, handle);
            if (!fresh.isAdopted() && fresh.fault().isEmpty()) {
                LaneSet.collectLast(lane);
            }
            calls.work.lock();
            try {
                // Another thread may have been faster.
                if (at == calls.epoch && lanes.contains(lane) && !isBehind(now, lane)) {
                    lanes.put(lane, now, fresh);
                } else if (fresh.queue() != null) {
                    lanes.retire(fresh.queue());
                }
            } finally {
                calls.work.unlock();
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    private static boolean isBehind(Backend now, Lane lane) {
        return lane.backend() == now && lane.inner() != null;
    }

    /// The device was reset under a driver that lives on: what it has aborted is submitted again.
    /// Also where a lane was left behind when the others were given a queue.
    void recover() {
        if (!calls.work.tryLock()) {
            return;
        }
        Set<Lane> asked = new HashSet<>();
        long at;
        try {
            Backend now = calls.backend;
            if (calls.parked || calls.filling || now == null) {
                return;
            }
            at = calls.epoch;
            lanes.close(false, Deadline.afterMillis(LEAVE_MILLIS));
            for (Lane lane : lanes) {
                // Those that were not taken over wait for a reset.
                if (isBehind(now, lane) || !lane.mismatch().isEmpty()) {
                    asked.add(lane);
                }
            }
            if (asked.containsAll(lanes.list())) {
                lanes.open();
                at = -1;
            } else {
                calls.filling = true;
            }
        } finally {
            calls.work.unlock();
        }
        if (at < 0) {
            lanes.pump();
        } else {
            // A client was stuck in the driver, and his requests go on with another queue.
            fillAndOpen(at, asked);
        }
    }

    // ---- Passages

    /// Tells clients to leave the driver's code, and lets none call it any more.
    void beginPark(Deadline deadline) {
        if (calls.lockBy(deadline)) {
            try {
                calls.parked = true;
                turn++;
                lanes.announceClose();
            } finally {
                calls.work.unlock();
            }
        }
    }

    /// Keeps clients out of the driver's code, and asks its queues by what numbers the next
    /// generation gives them.
    boolean park(Deadline deadline) {
        if (!calls.lockBy(deadline)) {
            return false;
        }
        try {
            calls.parked = true;
            turn++;
            boolean all = lanes.close(false, deadline);
            all &= calls.awaitCallers(deadline);
            // Closed lanes are left at once.
            Deadline moment = Deadline.afterMillis(LEAVE_MILLIS);
            for (Lane lane : lanes) {
                if (lane.enterFirst(moment)) {
                    try {
                        all &= lane.rememberHandle();
                    } finally {
                        lane.leave();
                    }
                } else {
                    all = false;
                }
            }
            return all;
        } finally {
            calls.work.unlock();
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

    /// Lets clients go on, unless they are held back once more, or [#abandonResume] is called,
    /// before the driver has given what it takes.
    void resume() {
        long at = -1;
        long turn = turn();
        Set<Lane> asked = new HashSet<>();
        while (!resume(turn, at, asked)) {
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
        calls.work.lock();
        try {
            return calls.epoch;
        } finally {
            calls.work.unlock();
        }
    }

    /// Whoever is at [#resume] lets nobody go on any more, whenever he comes back.
    void abandonResume() {
        calls.work.lock();
        try {
            turn++;
        } finally {
            calls.work.unlock();
        }
    }

    private long turn() {
        calls.work.lock();
        try {
            return turn;
        } finally {
            calls.work.unlock();
        }
    }

    /// @return false if not all lanes have been given a queue of the driver now there
    private boolean resume(long mine, long at, Set<Lane> asked) {
        calls.work.lock();
        try {
            if (mine != turn) {
                return true;
            }
            if (at != calls.epoch || (calls.backend != null && !asked.containsAll(lanes.list()))) {
                return false;
            }
            calls.parked = false;
            if (calls.backend == null) {
                lanes.close(true, Deadline.afterMillis(LEAVE_MILLIS));
            } else {
                calls.filling = false;
                lanes.open();
            }
            calls.signal();
            return true;
        } finally {
            calls.work.unlock();
        }
    }

    /// The driver's generation that serves now.
    @Nullable Backend backend() {
        calls.work.lock();
        try {
            return calls.backend;
        } finally {
            calls.work.unlock();
        }
    }
}
