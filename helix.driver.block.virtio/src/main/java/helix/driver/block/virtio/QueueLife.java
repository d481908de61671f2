package helix.driver.block.virtio;

import helix.driver.api.block.BlockStatus;
import helix.hal.api.Lease;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// Where a client's queue is in its life. Any thread moves it on; what follows from that for
/// requests is done by the queue's owner alone.
final class QueueLife {
    /// Takes requests.
    static final int OPEN = 0;

    /// Takes none any more, because its generation is about to end; what is in flight comes back.
    static final int FROZEN = 1;

    /// The device is given up or the lease is over: nothing ends before the reset is confirmed.
    static final int LOST = 2;

    /// What is in flight ends with the final status.
    static final int ENDED = 3;

    /// Closed by its owner, or the next generation's.
    static final int CLOSED = 4;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(QueueLife.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Hal hal;
    private volatile int state = OPEN;
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

    private void advance(int to) {
        int now = state;
        while (now < to && !STATE.compareAndSet(this, now, to)) {
            now = state;
        }
    }

    void freeze() {
        advance(FROZEN);
    }

    void lose() {
        advance(LOST);
    }

    /// Ends the queue for good; the first reason counts.
    synchronized void end(int status) {
        if (state < ENDED) {
            finalStatus = status;
            advance(ENDED);
        }
    }

    void close() {
        advance(CLOSED);
    }

    /// Looks at what became of a lost lease; requests do not end before that is known.
    ///
    /// @return whether it is known
    boolean settleLost() {
        Lease.State lease = hal.leaseState();
        if (lease == Lease.State.RELEASED || lease == Lease.State.PASSED) {
            end(BlockStatus.GENERATION_GONE);
        } else if (lease == Lease.State.QUARANTINED) {
            end(BlockStatus.OUTCOME_UNKNOWN);
        }
        return state != LOST;
    }
}
