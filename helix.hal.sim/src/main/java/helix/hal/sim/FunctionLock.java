package helix.hal.sim;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/// A function's lock. The function's own thread takes it again and again, and lets others in
/// between: a plain lock would make a register access wait for as long as the function is busy.
final class FunctionLock {
    private static final int SPINS = 1_000;

    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicInteger waiting = new AtomicInteger();

    /// For a register access.
    void enter() {
        if (lock.tryLock()) {
            return;
        }
        waiting.incrementAndGet();
        try {
            for (int i = 0; i < SPINS; i++) {
                if (lock.tryLock()) {
                    return;
                }
                Thread.onSpinWait();
            }
            lock.lock();
        } finally {
            waiting.decrementAndGet();
        }
    }

    /// For the function's own thread: after all who wait.
    void enterLast() {
        // Whoever queues for a lock allocates; a register access is over before that.
        for (int i = 0; i < SPINS; i++) {
            if (waiting.getAcquire() == 0 && lock.tryLock()) {
                return;
            }
            Thread.onSpinWait();
        }
        lock.lock();
    }

    void leave() {
        lock.unlock();
    }

    boolean isHeld() {
        return lock.isHeldByCurrentThread();
    }
}
