package helix.block.internal;

import helix.hal.api.Deadline;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/// Lets one thread at a time into a lane, and tells whether it is in the driver's code. Costs a
/// compare-and-set to enter, another to come back from the driver, and two release stores; nobody
/// sleeps in it but in the driver's `await`.
///
/// A thread that is stuck in the driver's code can be left there: the gate is then of no use any
/// more, and the thread finds out when it comes back.
abstract class Gate {
    /// How somebody got in who could not wait.
    enum Way {
        ENTERED,
        /// The gate is given up; what it guards is the caller's.
        ABANDONED,
        /// Somebody is in, but not in the driver's code, and does not leave.
        OCCUPIED
    }

    private static final int FREE = 0;

    /// A thread is in the lane, in our code.
    private static final int BUSY = 1;

    /// A thread is in the driver's code and comes back at once.
    private static final int INSIDE = 2;

    /// A thread sleeps in the driver's code until it is woken.
    private static final int AWAITING = 3;

    /// Given up.
    private static final int ABANDONED = 4;

    private static final int SPINS = 100;
    private static final int YIELDS = 200;
    private static final int WAKE_EVERY = 16;
    private static final long NAP_NANOS = 20_000;

    private static final VarHandle WORD;
    private static final VarHandle WANTING;
    private static final VarHandle FENCING;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            WORD = lookup.findVarHandle(Gate.class, "word", int.class);
            WANTING = lookup.findVarHandle(Gate.class, "wanting", int.class);
            FENCING = lookup.findVarHandle(Gate.class, "fencing", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile int word;

    /// How many threads wait to get in; who sleeps in the driver's code then leaves.
    @SuppressWarnings("unused")
    private volatile int wanting;

    /// How many of them go first.
    @SuppressWarnings("unused")
    private volatile int fencing;

    /// Ends the sleep of a thread in the driver's code.
    abstract void wakeSleeper();

    boolean tryEnter() {
        return WORD.compareAndSet(this, FREE, BUSY);
    }

    /// Enters if nobody is in and nobody is to go first. For clients.
    boolean tryEnterAfterFirst() {
        return fencing == 0 && tryEnter();
    }

    /// Enters, after whoever is in. For clients.
    ///
    /// @return false if the gate is given up
    boolean enter() {
        return ((int) WANTING.getAcquire(this) == 0 && tryEnter()) || enterAfterOthers();
    }

    private boolean enterAfterOthers() {
        WANTING.getAndAdd(this, 1);
        try {
            for (int i = 0; ; i++) {
                int seen = word;
                if (seen == FREE && fencing == 0 && tryEnter()) {
                    return true;
                }
                if (seen == ABANDONED) {
                    return false;
                }
                if (seen == AWAITING && i % WAKE_EVERY == 0) {
                    wakeSleeper();
                }
                pause(i);
            }
        } finally {
            WANTING.getAndAdd(this, -1);
        }
    }

    /// Enters before all clients, if that is possible in time: one who comes back again and again
    /// would not leave much room.
    ///
    /// @return false if the gate is given up or the time is over
    boolean enterFirst(Deadline deadline) {
        FENCING.getAndAdd(this, 1);
        WANTING.getAndAdd(this, 1);
        try {
            for (int i = 0; ; i++) {
                int seen = word;
                if (seen == FREE && tryEnter()) {
                    return true;
                }
                if (seen == ABANDONED || deadline.isExpired()) {
                    return false;
                }
                if (seen == AWAITING && i % WAKE_EVERY == 0) {
                    wakeSleeper();
                }
                pause(i);
            }
        } finally {
            WANTING.getAndAdd(this, -1);
            FENCING.getAndAdd(this, -1);
        }
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

    /// Whether somebody waits to get in.
    boolean isWanted() {
        return wanting > 0;
    }

    /// Whether somebody is to get in before all clients.
    boolean isFenced() {
        return fencing > 0;
    }

    /// Whether the gate is still the caller's, who has entered it.
    boolean holdsGate() {
        return (int) WORD.get(this) == BUSY;
    }

    /// Whether a thread sleeps in the driver's code.
    boolean hasSleeper() {
        return word == AWAITING;
    }

    /// Leaves, unless the gate was given up meanwhile.
    void leave() {
        if (holdsGate()) {
            WORD.setRelease(this, FREE);
        }
    }

    /// About to call the driver.
    void goInside() {
        WORD.setRelease(this, INSIDE);
    }

    /// About to sleep in the driver's code.
    void goAwaiting() {
        // Ordered before the look at who wants in: one of both sees the other.
        WORD.setVolatile(this, AWAITING);
    }

    /// Back from the driver.
    ///
    /// @return false if the gate was given up: nothing of the lane may be touched
    boolean comeBack() {
        return WORD.compareAndSet(this, INSIDE, BUSY);
    }

    /// Back from sleeping in the driver's code; as [#comeBack()].
    boolean awake() {
        return WORD.compareAndSet(this, AWAITING, BUSY);
    }

    /// Gives the gate up if a thread is in the driver's code, else enters if that is possible in
    /// time: who is in our code leaves in a moment.
    Way abandonOrEnter(Deadline deadline) {
        for (int i = 0; ; i++) {
            int seen = word;
            if (seen == INSIDE || seen == AWAITING) {
                if (WORD.compareAndSet(this, seen, ABANDONED)) {
                    return Way.ABANDONED;
                }
            } else if (seen == FREE && tryEnter()) {
                return Way.ENTERED;
            } else if (seen == ABANDONED) {
                return Way.ABANDONED;
            }
            if (deadline.isExpired()) {
                return Way.OCCUPIED;
            }
            pause(i);
        }
    }

    /// Gives the gate up, by who is in.
    void abandon() {
        WORD.setVolatile(this, ABANDONED);
    }
}
