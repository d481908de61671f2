package helix.block.internal;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Which generation serves a disk, and the threads that call it for memory or a queue. All fields
/// are guarded by the lock, which is not held during a call.
final class DriverCalls {
    final ReentrantLock work = new ReentrantLock();
    private final Condition changed = work.newCondition();
    private final StableDisk disk;

    @Nullable Backend backend;

    /// Advances with each generation that comes or goes.
    long epoch;

    /// Whether a passage keeps clients out.
    boolean parked;

    /// Whether there is no device.
    boolean absent;

    /// Whether lanes are closed until all have a queue of a new generation.
    boolean filling;

    /// Threads that call the driver for memory or a queue.
    private int callers;

    /// How many such calls there have been.
    private long begun;

    DriverCalls(StableDisk disk) {
        this.disk = disk;
    }

    /// A call of the driver.
    private record Call(Backend to, long epoch) {}

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
            long _ = begin();
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

    /// A thread is about to call the driver; with the lock held.
    ///
    /// @return the call's number
    long begin() {
        callers++;
        return ++begun;
    }

    /// The number of the last call that has begun; with the lock held.
    long begun() {
        return begun;
    }

    /// How many threads call the driver; with the lock held.
    int callers() {
        return callers;
    }

    /// It is back; without the lock.
    void endCall() {
        work.lock();
        try {
            callers--;
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// A generation comes or goes, and nothing is known of the lanes yet. With the lock held.
    ///
    /// @return by what this time is told from others
    long turn(@Nullable Backend next) {
        backend = next;
        filling = next != null;
        return ++epoch;
    }

    /// Tells those who wait for a change; with the lock held.
    void signal() {
        changed.signalAll();
    }

    /// Takes the lock if that is possible in time.
    boolean lockBy(Deadline deadline) {
        try {
            return work.tryLock(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// Waits until no thread calls the driver; with the lock held.
    boolean awaitCallers(Deadline deadline) {
        try {
            while (callers > 0) {
                long left = deadline.remainingNanos();
                if (left == 0) {
                    return false;
                }
                boolean _ = changed.await(left, TimeUnit.NANOSECONDS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
