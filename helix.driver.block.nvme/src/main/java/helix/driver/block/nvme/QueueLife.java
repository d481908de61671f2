package helix.driver.block.nvme;

import helix.driver.api.block.BlockStatus;
import helix.hal.api.Lease;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// Where an I/O queue is in its life. Any thread moves it on; what follows from that for requests
/// is done by the queue's owner alone.
///
/// ```
///            freeze           thaw (reset confirmed)        drained             opened
///   OPEN ────────────▶ FROZEN ─────────────────────▶ DRAIN ─────────▶ EMPTY ─────────▶ OPEN
///     └── end(status) ──▶ ENDED: every request in flight ends with the status, none is taken
/// ```
final class QueueLife {
    /// Takes requests.
    static final int OPEN = 0;

    /// The controller is being reset: nothing ends yet.
    static final int FROZEN = 1;

    /// The reset is confirmed: what is in flight ends.
    static final int DRAIN = 2;

    /// The controller does not know the queue; what is submitted waits until it does.
    static final int EMPTY = 3;

    /// The lease is over, and the platform is resetting the controller.
    static final int LOST = 4;

    /// No more requests: what is in flight ends with the final status.
    static final int ENDED = 5;

    /// Closed by its owner, or the next generation's.
    static final int CLOSED = 6;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(QueueLife.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Hal hal;
    private volatile int state = EMPTY;
    private volatile int finalStatus = BlockStatus.OK;

    QueueLife(Hal hal) {
        this.hal = hal;
    }

    int state() {
        return state;
    }

    /// What requests in flight end with when it has ended.
    int finalStatus() {
        return finalStatus;
    }

    /// The controller is about to be reset, or to be told to forget the queue.
    void freeze() {
        STATE.compareAndSet(this, OPEN, FROZEN);
    }

    /// The controller confirmed its reset.
    void thaw() {
        STATE.compareAndSet(this, FROZEN, DRAIN);
    }

    /// What was in flight has ended.
    void drained() {
        STATE.compareAndSet(this, DRAIN, EMPTY);
    }

    /// The controller knows the queue.
    void opened() {
        STATE.compareAndSet(this, EMPTY, OPEN);
    }

    /// Leaves the queue to what becomes of the lease.
    void lose() {
        int now = state;
        while (now < LOST && !STATE.compareAndSet(this, now, LOST)) {
            now = state;
        }
    }

    /// Ends the queue for good.
    synchronized void end(int status) {
        int now = state;
        if (now < ENDED) {
            finalStatus = status;
        }
        while (now < ENDED && !STATE.compareAndSet(this, now, ENDED)) {
            now = state;
        }
    }

    void close() {
        state = CLOSED;
    }

    /// Whether what became of a lost lease is known; requests do not end before.
    boolean settleLost() {
        Lease.State lease = hal.leaseState();
        if (lease == Lease.State.RELEASED || lease == Lease.State.PASSED) {
            end(BlockStatus.GENERATION_GONE);
        } else if (lease == Lease.State.QUARANTINED) {
            end(BlockStatus.OUTCOME_UNKNOWN);
        }
        return state != LOST;
    }

    /// Whether it is not known yet if the controller forgot the queue.
    boolean isUnsettled() {
        return state == FROZEN || (state == LOST && !settleLost());
    }

    /// Whether the controller was given up without a confirmed reset.
    boolean isUnconfirmed() {
        return isUnsettled() || (state == ENDED && finalStatus == BlockStatus.OUTCOME_UNKNOWN);
    }
}
