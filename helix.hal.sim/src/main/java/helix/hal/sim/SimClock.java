package helix.hal.sim;

import helix.hal.api.DeviceException;
import java.util.concurrent.atomic.AtomicLong;

/// This computer's time, or virtual time that only moves when told to.
final class SimClock {
    /// How far a step moves virtual time.
    static final long STEP_NANOS = 1_000;

    private final boolean isVirtual;
    private final AtomicLong now = new AtomicLong();

    SimClock(boolean isVirtual) {
        this.isVirtual = isVirtual;
    }

    long nanos() {
        return isVirtual ? now.get() : System.nanoTime();
    }

    void advance(long nanos) {
        if (!isVirtual) {
            throw new DeviceException("machine sim is not stepped: its functions have threads");
        }
        now.addAndGet(nanos);
    }
}
