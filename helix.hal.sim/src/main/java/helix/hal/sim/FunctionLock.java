package helix.hal.sim;

import helix.hal.api.DeviceTimeoutException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/// A function's lock. The function's own thread takes it again and again, and lets others in
/// between: a plain lock would make a register access wait for as long as the function is busy.
///
/// Nobody waits for it without a limit: a model that does not return holds up only those who want
/// something of it, and these only once.
final class FunctionLock {
    private static final int SPINS = 1_000;

    /// The deadline of an access, in pieces: a JVM that was stopped as a whole for longer than that
    /// has waited for one piece and not for all of them.
    private static final int PIECES = 20;

    private static final long PIECE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final String owner;
    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicInteger waiting = new AtomicInteger();

    /// Somebody waited for who holds it in vain: others do not wait for as long once more.
    private volatile boolean stuck;

    /// @param owner whose lock it is, for messages
    FunctionLock(String owner) {
        this.owner = owner;
    }

    /// For a register access.
    ///
    /// @throws DeviceTimeoutException if a method of the model does not return
    void enter() {
        if (!tryEnter()) {
            throw new DeviceTimeoutException(
                    "%s did not answer within %d ms: its model is in a method that does not return"
                            .formatted(owner, limitMillis()));
        }
    }

    static long limitMillis() {
        return TimeUnit.NANOSECONDS.toMillis(PIECES * PIECE_NANOS);
    }

    /// @return false if a method of the model does not return
    boolean tryEnter() {
        if (lock.tryLock()) {
            return true;
        }
        waiting.incrementAndGet();
        try {
            for (int i = 0; i < SPINS; i++) {
                if (lock.tryLock()) {
                    return true;
                }
                Thread.onSpinWait();
            }
            return await();
        } finally {
            waiting.decrementAndGet();
        }
    }

    /// For the function's own thread: after all who wait.
    ///
    /// @return false if somebody holds it for too long
    boolean tryEnterLast() {
        // Whoever queues for a lock allocates; a register access is over before that.
        for (int i = 0; i < SPINS; i++) {
            if (waiting.getAcquire() == 0 && lock.tryLock()) {
                return true;
            }
            Thread.onSpinWait();
        }
        return await();
    }

    /// An interrupt of the caller does not end the wait; it is kept for the caller.
    private boolean await() {
        boolean interrupted = false;
        try {
            for (int i = 0; i < PIECES && !stuck; i++) {
                try {
                    if (lock.tryLock(PIECE_NANOS, TimeUnit.NANOSECONDS)) {
                        return true;
                    }
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            stuck = true;
            // Who held it may have left before that was noted, and nobody would take it back.
            if (lock.tryLock()) {
                stuck = false;
                return true;
            }
            return false;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    void leave() {
        if (stuck) {
            stuck = false;
        }
        lock.unlock();
    }

    boolean isHeld() {
        return lock.isHeldByCurrentThread();
    }
}
