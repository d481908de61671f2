package helix.driver.block.virtio;

import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// How a queue's owner waits for completions: spinning, or asleep until an interrupt.
final class OwnerWait {
    /// A lost interrupt costs that much, not a request.
    private static final long NAP_NANOS = 5_000_000;

    private static final long NAP_WITHOUT_INTERRUPT_NANOS = 100_000;
    private static final int SPINS_PER_LOOK = 64;
    private static final int LOOKS_PER_YIELD = 32;

    private final ClientQueue queue;
    private final boolean sleeps;
    private final long nap;
    private volatile @Nullable Thread sleeper;

    /// Set by [#rouse], cleared by the wait that it ended.
    private volatile boolean roused;

    OwnerWait(ClientQueue queue, boolean sleeps, boolean interrupts) {
        this.queue = queue;
        this.sleeps = sleeps;
        nap = interrupts ? NAP_NANOS : NAP_WITHOUT_INTERRUPT_NANOS;
    }

    /// Waits until the queue is ready or the time has come.
    boolean until(long end) {
        return sleeps ? sleep(end) : spin(end);
    }

    @SuppressWarnings("ThreadPriorityCheck") // on few cores the device may need this one
    private boolean spin(long end) {
        for (int look = 1; ; look++) {
            for (int spin = 0; spin < SPINS_PER_LOOK; spin++) {
                if (queue.isReady()) {
                    return true;
                }
                Thread.onSpinWait();
            }
            if (isRoused() || System.nanoTime() - end >= 0) {
                return queue.isReady();
            }
            if (look % LOOKS_PER_YIELD == 0) {
                Thread.yield();
            }
        }
    }

    private boolean sleep(long end) {
        sleeper = Thread.currentThread();
        try {
            while (true) {
                // The interrupt handler reads the sleeper after the device used a buffer: whoever
                // comes second sees the other.
                VarHandle.fullFence();
                if (queue.isReady() || (!queue.arm() && queue.isReady())) {
                    queue.disarm();
                    return true;
                }
                long left = end - System.nanoTime();
                if (isRoused() || left <= 0) {
                    return false;
                }
                LockSupport.parkNanos(queue, Math.min(left, nap));
            }
        } finally {
            sleeper = null;
        }
    }

    private boolean isRoused() {
        boolean was = roused;
        if (was) {
            roused = false;
        }
        return was;
    }

    /// Ends the present wait, or the next one if there is none. Any thread; allocates nothing.
    void rouse() {
        roused = true;
        // Pairs with the fence of a wait about to sleep: it sees the flag, or is seen.
        VarHandle.fullFence();
        signal();
    }

    /// Lets the owner look again if it sleeps. Any thread; allocates nothing.
    void signal() {
        Thread thread = sleeper;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
    }
}
