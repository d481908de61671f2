package helix.block.internal;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceGoneException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Opens a disk's queues and closes them. Lanes are waited for a moment at a time with the disk's
/// lock held: an owner who is stuck in a driver keeps nobody from replacing it.
final class QueueDoor {
    private static final Logger LOG = LoggerFactory.getLogger(QueueDoor.class);

    /// How long a lane is waited for with the disk's lock held.
    private static final long SLICE_MILLIS = 5;

    /// The pause between two such waits, in which others get the lock.
    private static final long PAUSE_NANOS = 1_000_000;

    /// How long a lane is waited for that is to be shared.
    private static final long SHARE_MILLIS = 1_000;

    /// How long a lane is waited for that a queue has left.
    private static final long LEAVE_MILLIS = 1_000;

    /// No call has that number.
    private static final long NOT_ALONE = -1;

    private final StableDisk disk;
    private final ReplayOrder order;
    private final DriverCalls calls;
    private final LaneSet lanes;

    QueueDoor(StableDisk disk, ReplayOrder order, DriverCalls calls, LaneSet lanes) {
        this.disk = disk;
        this.order = order;
        this.calls = calls;
        this.lanes = lanes;
    }

    /// What a queue is to be like.
    private record Wish(DiskAccess access, QueueOptions options, RequestCheck check, int depth) {
        DiskQueue in(Lane lane, int most) {
            return new DiskQueue(access, lane, check, Math.min(depth, most));
        }
    }

    /// Opens a queue; without a driver it waits for one.
    DiskQueue open(DiskAccess access, QueueOptions options, RequestCheck check, int depth) {
        Wish wish = new Wish(access, options, check, depth);
        Deadline deadline = null;
        while (true) {
            Backend now;
            long at;
            boolean alone;
            long begun;
            calls.work.lock();
            try {
                if (calls.absent) {
                    throw new DeviceGoneException(disk.name() + " is absent");
                }
                now = calls.parked ? null : calls.backend;
                at = calls.epoch;
                if (now == null) {
                    return openParked(wish);
                }
                alone = calls.callers() == 0;
                begun = calls.begin();
            } finally {
                calls.work.unlock();
            }
            DiskQueue queue = null;
            BlockException none = null;
            try {
                queue = openWith(now, at, wish);
            } catch (RuntimeException e) {
                if (e instanceof BlockException b && b.status() == BlockStatus.NO_QUEUE) {
                    none = b;
                } else if (Backend.isOver(e)) {
                    queue = parkIn(at, wish);
                } else {
                    throw e;
                }
            } finally {
                calls.endCall();
            }
            if (none != null) {
                deadline = deadline == null ? Deadline.afterMillis(SHARE_MILLIS) : deadline;
                queue = share(wish, new Refusal(none, at, alone ? begun : NOT_ALONE), deadline);
            }
            if (queue != null) {
                return queue;
            }
        }
    }

    /// A device has said that it has no queue left.
    ///
    /// @param why what it has said
    /// @param epoch the time of its driver's generation
    /// @param begun the call's number, [#NOT_ALONE] if other calls were under way when it began
    private record Refusal(BlockException why, long epoch, long begun) {}

    /// A queue in a lane that has no queue of a device yet. With the lock held.
    private DiskQueue openParked(Wish wish) {
        Lane lane = new Lane(disk.name(), order, disk.blockSize(), wish.options);
        lane.close(calls.backend == null);
        return add(lane, wish.in(lane, wish.depth));
    }

    /// A queue that waits for the next generation, since this one has said that it is over.
    ///
    /// @return null if the next one is there already
    private @Nullable DiskQueue parkIn(long at, Wish wish) {
        calls.work.lock();
        try {
            return at == calls.epoch ? openParked(wish) : null;
        } finally {
            calls.work.unlock();
        }
    }

    private @Nullable DiskQueue openWith(Backend now, long at, Wish wish) {
        Object pool = now.pool();
        BlockQueue inner = now.device().openQueue(wish.options.asPassable());
        calls.work.lock();
        try {
            if (at != calls.epoch) {
                lanes.retire(inner);
                return null;
            }
            Lane lane = new Lane(disk.name(), order, disk.blockSize(), wish.options);
            lane.install(inner, now, pool);
            DiskQueue queue = wish.in(lane, inner.depth());
            if (!calls.parked && !calls.filling) {
                lane.open();
            }
            return add(lane, queue);
        } finally {
            calls.work.unlock();
        }
    }

    private DiskQueue add(Lane lane, DiskQueue queue) {
        order.queues().add(queue);
        lanes.add(lane);
        return queue;
    }

    /// A queue in the lane with the fewest that lets somebody in, since the device has none left.
    ///
    /// @return null if the device may have one by now
    private @Nullable DiskQueue share(Wish wish, Refusal refusal, Deadline deadline) {
        while (true) {
            calls.work.lock();
            try {
                for (Lane lane : lanes.leastSharedFirst()) {
                    if (!lane.enterFirst(Deadline.afterMillis(SLICE_MILLIS))) {
                        continue;
                    }
                    try {
                        DiskQueue queue = wish.in(lane, wish.options.depth());
                        order.queues().add(queue);
                        return queue;
                    } finally {
                        lane.leave();
                    }
                }
                if (deadline.isExpired()) {
                    throw refusal.why;
                }
                if (lanes.list().isEmpty()) {
                    if (refusal.epoch != calls.epoch) {
                        return null;
                    }
                    // Whoever calls the driver may have the queue, and not yet its lane, or no
                    // more.
                    if (calls.callers() == 0) {
                        if (refusal.begun == calls.begun()) {
                            throw refusal.why;
                        }
                        return null;
                    }
                }
            } finally {
                calls.work.unlock();
            }
            LockSupport.parkNanos(this, PAUSE_NANOS);
        }
    }

    /// What a queue that closes leaves.
    ///
    /// @param lane where it was
    /// @param inner the device's queue, if nobody else uses it
    private record Leaving(Lane lane, @Nullable BlockQueue inner) {}

    /// Closes a queue, after what it has in flight.
    void close(DiskQueue queue, Deadline deadline) {
        for (int i = 0; ; i++) {
            Lane lane;
            Leaving leaving = null;
            calls.work.lock();
            try {
                boolean late = deadline.isExpired();
                lane = queue.lane();
                Lane entered =
                        late
                                ? lanes.enterOrReplace(lane, Deadline.afterMillis(SLICE_MILLIS))
                                : lane.enterFirst(Deadline.afterMillis(SLICE_MILLIS)) ? lane : null;
                if (entered != null) {
                    leaving = leave(queue, entered, late);
                } else if (late) {
                    LOG.warn("{}: a queue is in use and does not close", disk.name());
                    order.queues().remove(queue);
                    return;
                }
            } finally {
                calls.work.unlock();
            }
            if (leaving != null) {
                try {
                    finish(queue, leaving);
                } finally {
                    calls.endCall();
                }
                return;
            }
            collectFor(lane);
            Gate.pause(i);
        }
    }

    /// Takes a queue out of its lane, which is entered, if nothing of it is in flight or need not
    /// be waited for.
    private @Nullable Leaving leave(DiskQueue queue, Lane lane, boolean late) {
        try {
            queue.discardHeldBack(lane);
            boolean alone = lane.memberCount() == 1 && !calls.parked;
            if (queue.hasIssued() && !alone && !late) {
                return null;
            }
            // A passage waits for who closes a queue, too.
            long _ = calls.begin();
            BlockQueue inner = null;
            if (alone) {
                inner = lane.uninstall();
                lanes.forget(lane);
            } else if (lane.inner() == null) {
                // It stands for one that was given up just now: the others need a queue.
                lane.needRecovery();
            }
            return new Leaving(lane, inner);
        } finally {
            lane.leave();
        }
    }

    /// As an owner does.
    private static void collectFor(Lane lane) {
        if (lane.enterFirst(Deadline.afterMillis(SLICE_MILLIS))) {
            try {
                if (lane.mode() == Lane.Mode.OPEN) {
                    boolean _ = lane.collectAll();
                }
            } finally {
                lane.leave();
            }
        }
    }

    private void finish(DiskQueue queue, Leaving leaving) {
        BlockQueue inner = leaving.inner;
        Lane lane = leaving.lane;
        // A queue with requests left is one that the device may still be at.
        boolean ended = inner != null && lanes.close(inner) && lanes.isIdle(inner);
        order.queues().remove(queue);
        if (!lane.enterFirst(Deadline.afterMillis(LEAVE_MILLIS))) {
            LOG.warn("{}: closed while a client is stuck in the driver's code", disk.name());
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
}
