package helix.driver.block.virtio;

import java.time.Duration;
import java.util.function.LongSupplier;

/// The time for time-outs: it moves on with the watch's rounds, and by a few periods at the most,
/// so that a device is not blamed for a machine or a process that stood still. Reading it is one
/// load.
final class WatchClock {
    private static final int MOST_PERIODS = 4;

    private final LongSupplier nanoTime;
    private final long most;

    /// The watch's.
    private long elapsed = 1;

    private volatile long last;
    private volatile long now = elapsed;

    WatchClock(LongSupplier nanoTime, Duration period) {
        this.nanoTime = nanoTime;
        most = MOST_PERIODS * period.toNanos();
        last = nanoTime.getAsLong();
    }

    /// The time as of the last tick; never 0.
    long now() {
        return now;
    }

    /// Moves on, when the device has answered.
    void tick() {
        long time = nanoTime.getAsLong();
        elapsed += Math.min(most, time - last);
        now = elapsed;
        last = time;
    }

    /// Lets the time stand still up to now.
    void skip() {
        last = nanoTime.getAsLong();
    }
}
