package helix.hal.sim;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A function's own thread: ticks while there is something to do, spins a little when there is
/// nothing, then parks for growing times, until a register is written, the model's time has come or
/// somebody wakes it.
final class FunctionThread implements AutoCloseable {
    /// Idle looks before the first park. A thread that parks costs its next request 50 µs.
    private static final int SPINS = 2_000;

    private static final int YIELD_MASK = 31;

    private static final long FIRST_PARK_NANOS = 50_000;

    /// A model that polls memory without ever being told of what is new is this late at most.
    private static final long LAST_PARK_NANOS = 100_000_000;

    private static final long JOIN_MILLIS = 5_000;
    private static final Logger LOG = LoggerFactory.getLogger(FunctionThread.class);

    private final SimFunction function;
    private final long firstPark;
    private final long lastPark;
    private final Thread thread;
    private final AtomicLong busyNanos = new AtomicLong();
    private volatile boolean parked;
    private volatile boolean stopping;

    FunctionThread(SimFunction function) {
        this(function, FIRST_PARK_NANOS, LAST_PARK_NANOS);
    }

    /// @param firstPark how long it parks when there has just been something to do
    /// @param lastPark how long it parks at most
    FunctionThread(SimFunction function, long firstPark, long lastPark) {
        this.function = function;
        this.firstPark = firstPark;
        this.lastPark = lastPark;
        this.thread =
                Thread.ofPlatform()
                        .daemon()
                        .name("helix-sim-" + function.id())
                        .unstarted(this::run);
    }

    void start() {
        function.waker(this::wake);
        thread.start();
    }

    /// Called after the function's wish was noted. No wish is lost: this thread says that it parks
    /// before it looks for one a last time.
    private void wake() {
        if (parked) {
            LockSupport.unpark(thread);
        }
    }

    private void run() {
        Throwable cause = null;
        try {
            work();
        } catch (Throwable e) {
            cause = e;
        } finally {
            function.threadEnded(cause);
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // a hint: where cores are few, the driver needs one
    private void work() {
        int idle = 0;
        long busy = 0;
        long pause = firstPark;
        long since = System.nanoTime();
        while (!stopping && !function.isGone()) {
            boolean asked = function.isWanted();
            int done = function.tick(true);
            long now = System.nanoTime();
            if (done > 0) {
                busy += now - since;
                busyNanos.setRelease(busy);
            }
            since = now;
            if (done > 0 || asked) {
                idle = 0;
                pause = firstPark;
            } else if (idle < SPINS) {
                idle++;
                if ((idle & YIELD_MASK) == 0) {
                    Thread.yield();
                } else {
                    Thread.onSpinWait();
                }
            } else {
                pause = park(pause);
                since = System.nanoTime();
            }
        }
    }

    /// How long its ticks took that did something.
    long busyNanos() {
        return busyNanos.getAcquire();
    }

    /// @return how long the next pause is to be
    private long park(long pause) {
        long next = function.nextTick();
        long left = next == Long.MAX_VALUE ? pause : Math.min(pause, next - function.nanos());
        parked = true;
        if (left > 0 && !function.isWanted() && !stopping) {
            LockSupport.parkNanos(left);
        }
        parked = false;
        return Math.min(2 * pause, lastPark);
    }

    /// Ends the thread, unless it is the caller. One that is in a model which does not return is
    /// left behind, and said so.
    @Override
    public void close() {
        stopping = true;
        LockSupport.unpark(thread);
        if (thread.equals(Thread.currentThread()) || function.isAbandoned()) {
            return;
        }
        boolean interrupted = false;
        long end = System.nanoTime() + JOIN_MILLIS * 1_000_000;
        while (thread.isAlive() && System.nanoTime() - end < 0) {
            try {
                thread.join(Math.max(1, (end - System.nanoTime()) / 1_000_000));
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (thread.isAlive()) {
            LOG.error("{} did not end within {} ms", thread.getName(), JOIN_MILLIS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
