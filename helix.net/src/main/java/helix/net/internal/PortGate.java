package helix.net.internal;

import helix.hal.api.Deadline;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/// Lets a port's owner into the driver's code, or keeps him out. Costs a compare-and-set to go in
/// and one to come out, for a burst; nobody sleeps in it but in the driver's `await`.
///
/// The owner is one thread; the platform's threads close and open the gate one at a time. An owner
/// who is stuck in the driver's code is left there: he finds out when he comes back.
abstract class PortGate {
    /// The owner is out, and may go in.
    private static final int OPEN = 0;

    /// The owner is in the driver's code and comes back at once.
    private static final int INSIDE = 1;

    /// The owner sleeps in the driver's code until he is woken.
    private static final int AWAITING = 2;

    /// The owner is out, and must not go in.
    private static final int CLOSED = 3;

    /// The gate is closed, and the owner takes over queues of the next generation.
    private static final int TAKING = 4;

    /// The gate was closed while the owner was in; he has not come back.
    private static final int STUCK = 5;

    private static final int SPINS = 100;
    private static final int YIELDS = 200;
    private static final int WAKE_EVERY = 16;
    private static final long NAP_NANOS = 20_000;

    private static final VarHandle WORD;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(PortGate.class, "word", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    @SuppressWarnings("unused") // by its handle
    private volatile int word = CLOSED;

    /// Whether somebody closes the gate: an owner who goes in and out all the time closes it for
    /// him.
    private volatile boolean wanted;

    /// Ends the owner's sleep in the driver's code.
    abstract void wakeSleeper();

    // ---- The owner

    boolean enter() {
        return WORD.compareAndSet(this, OPEN, INSIDE);
    }

    /// About to sleep in the driver's code.
    ///
    /// @return false if somebody wants him out
    boolean goAwaiting() {
        return WORD.compareAndSet(this, INSIDE, AWAITING) && !wanted;
    }

    /// Comes out.
    void leave() {
        leaveTo(wanted ? CLOSED : OPEN);
    }

    /// Comes out, and does not go in again until the gate is opened.
    void leaveClosed() {
        leaveTo(CLOSED);
    }

    private void leaveTo(int next) {
        if (!WORD.compareAndSet(this, INSIDE, next) && !WORD.compareAndSet(this, AWAITING, next)) {
            // Long given up; out at last.
            boolean _ = WORD.compareAndSet(this, STUCK, CLOSED);
        }
    }

    /// Begins to take over queues, if the gate is closed.
    boolean beginTaking() {
        return WORD.compareAndSet(this, CLOSED, TAKING);
    }

    /// Ends that.
    void endTaking() {
        if (!WORD.compareAndSet(this, TAKING, CLOSED)) {
            boolean _ = WORD.compareAndSet(this, STUCK, CLOSED);
        }
    }

    // ---- The platform

    /// Keeps the owner out.
    ///
    /// @return whether he is out; if not, he is where he is
    boolean close(Deadline deadline) {
        wanted = true;
        try {
            for (int i = 0; ; i++) {
                int seen = word;
                if (seen == CLOSED || (seen == OPEN && WORD.compareAndSet(this, OPEN, CLOSED))) {
                    return true;
                }
                if (seen == STUCK) {
                    return false;
                }
                if (seen != OPEN && deadline.isExpired() && WORD.compareAndSet(this, seen, STUCK)) {
                    return false;
                }
                if (seen == AWAITING && i % WAKE_EVERY == 0) {
                    wakeSleeper();
                }
                pause(i);
            }
        } finally {
            wanted = false;
        }
    }

    /// Lets the owner in, if he is out.
    void open() {
        boolean _ = WORD.compareAndSet(this, CLOSED, OPEN);
    }

    /// Whether the owner may go in.
    boolean isGateOpen() {
        int seen = word;
        return seen == OPEN || seen == INSIDE || seen == AWAITING;
    }

    /// Whether the owner sleeps in the driver's code.
    boolean hasSleeper() {
        return word == AWAITING;
    }

    @SuppressWarnings("ThreadPriorityCheck") // a hint: who is in leaves in a moment
    static void pause(int round) {
        if (round < SPINS) {
            Thread.onSpinWait();
        } else if (round < YIELDS) {
            Thread.yield();
        } else {
            LockSupport.parkNanos(NAP_NANOS);
        }
    }
}
