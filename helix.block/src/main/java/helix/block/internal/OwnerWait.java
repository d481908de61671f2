package helix.block.internal;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// How the owner of a queue waits: in the driver's code while that serves, else here. The owner's
/// alone, except for [#wake()].
final class OwnerWait {
    private static final long SHARED_NAP_NANOS = 1_000_000;
    private static final long CLOSED_NAP_NANOS = 50_000_000;

    /// How often an owner may look at a closed lane in vain before it naps at each look: who takes
    /// part in the replacement of the driver needs the processor more.
    private static final int CLOSED_POLLS = 64;

    private static final long CLOSED_POLL_NAP_NANOS = 50_000;
    private static final long FENCED_NAP_NANOS = 20_000;

    private final DiskQueue queue;
    private int closedPolls;
    private volatile @Nullable Thread sleeper;

    OwnerWait(DiskQueue queue) {
        this.queue = queue;
    }

    /// Ends a nap of the owner; any thread.
    void wake() {
        Thread thread = sleeper;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
    }

    /// Waits until something has ended.
    ///
    /// @return false if the time passed or the queue was closed before
    boolean await(long nanos, ReplayOrder order, LaneSet lanes) {
        long end = System.nanoTime() + nanos;
        long left = nanos;
        sleeper = Thread.currentThread();
        try {
            while (true) {
                int some = awaitOnce(left);
                if (some > 0) {
                    return true;
                }
                if (order.isReplaying()) {
                    lanes.help();
                }
                left = end - System.nanoTime();
                if (left <= 0 || queue.isClosed()) {
                    return false;
                }
            }
        } finally {
            sleeper = null;
        }
    }

    /// @return 1 if there may be a completion, else 0
    private int awaitOnce(long left) {
        Lane in = queue.lane();
        if (!in.tryEnterAfterFirst()) {
            // Another of the lane sleeps in the driver's code, or somebody is in for a moment.
            nap(Math.min(left, napOutside(in)));
            return 0;
        }
        long nap = 0;
        int some = 0;
        try {
            if (!queue.isIn(in)) {
                return 0;
            }
            if (queue.hasDone()) {
                return 1;
            }
            if (in.isServing()) {
                boolean held = queue.hasWaiting();
                if (!in.drain()) {
                    return 0;
                }
                some = in.await(held ? Math.min(left, SHARED_NAP_NANOS) : left);
                nap = in.isWanted() ? 1 : 0;
            } else if (!in.holdsGate()) {
                return 0;
            } else {
                // What the driver has still to say is collected until the disk closes the lane.
                if (!queue.advance(in)) {
                    return 0;
                }
                some = queue.hasDone() ? 1 : 0;
                nap = in.mode() == Lane.Mode.OPEN ? SHARED_NAP_NANOS : CLOSED_NAP_NANOS;
            }
        } finally {
            in.leave();
        }
        if (some == 0 && nap > 0) {
            nap(Math.min(left, nap));
        }
        return Math.max(some, 0);
    }

    private static long napOutside(Lane in) {
        if (in.hasSleeper()) {
            return SHARED_NAP_NANOS;
        }
        return in.isFenced() ? FENCED_NAP_NANOS : 1;
    }

    @SuppressWarnings("ThreadPriorityCheck") // a hint: who is in leaves in a moment
    private void nap(long nanos) {
        if (nanos == 1) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(queue, nanos);
        }
    }

    /// The owner has looked at a closed lane.
    void lookedInVain() {
        closedPolls = Math.min(closedPolls + 1, CLOSED_POLLS + 1);
    }

    /// Naps while the lane is closed, for an owner who only polls.
    ///
    /// @param some whether there are completions to tell
    void rest(boolean some) {
        if (closedPolls <= CLOSED_POLLS) {
            return;
        }
        if (some || queue.lane().mode() == Lane.Mode.OPEN) {
            closedPolls = 0;
        } else {
            LockSupport.parkNanos(queue, CLOSED_POLL_NAP_NANOS);
        }
    }
}
