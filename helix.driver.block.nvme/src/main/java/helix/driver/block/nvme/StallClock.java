package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The time for time-outs. It stands still while the machine is stalled, for which commands are not
/// to blame, and moves on with the watch's rounds: reading it is one load.
final class StallClock {
    private static final Logger LOG = LoggerFactory.getLogger(StallClock.class);

    private final String name;
    private final LongSupplier nanoTime;
    private volatile long now;
    private volatile long stalledSince;

    /// The watch's.
    private long stalledNanos;

    /// Makes a clock.
    ///
    /// @param stalledNanos for how long the machine stood still in earlier generations: with that,
    ///   their stamps are this clock's too
    StallClock(String name, LongSupplier nanoTime, long stalledNanos) {
        this.name = name;
        this.nanoTime = nanoTime;
        this.stalledNanos = stalledNanos;
        tick();
    }

    /// For how long the machine stood still in all. For the watch, and when it is out.
    long stalledNanos() {
        return stalledNanos;
    }

    /// The time as of the last tick; never 0.
    long now() {
        return now;
    }

    /// Moves on, unless the machine is stalled.
    void tick() {
        if (stalledSince == 0) {
            long time = nanoTime.getAsLong() - stalledNanos;
            now = time == 0 ? 1 : time;
        }
    }

    /// Notes that the machine did not answer in time.
    void stalled(DeviceException e) {
        if (stalledSince == 0) {
            stalledSince = nanoTime.getAsLong();
            LOG.warn("{}: machine does not answer: {}", name, e.getMessage());
        }
    }

    /// Whether the machine stands still, as far as is known.
    boolean isStalled() {
        return stalledSince != 0;
    }

    /// Notes that the machine answers. For the watch alone.
    void answered() {
        long since = stalledSince;
        if (since != 0) {
            stalledNanos += nanoTime.getAsLong() - since;
            stalledSince = 0;
            LOG.info("{}: machine answers again", name);
        }
    }
}
