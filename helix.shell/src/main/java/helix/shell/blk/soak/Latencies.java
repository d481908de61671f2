package helix.shell.blk.soak;

import java.time.Duration;
import org.HdrHistogram.Histogram;

/// How long the requests of one writer took: those that were in flight while the driver was
/// replaced, and as a control all others. Allocates nothing per request.
final class Latencies {
    private static final long HIGHEST_NANOS = Duration.ofSeconds(100).toNanos();
    private static final int DIGITS = 3;

    private final ReloadWindow window;
    private final Histogram overlapping = new Histogram(1, HIGHEST_NANOS, DIGITS);

    private final Histogram outside = new Histogram(1, HIGHEST_NANOS, DIGITS);

    /// The longest of those that overlap, for each reload.
    private final long[] worst = new long[ReloadWindow.MOST];

    Latencies(ReloadWindow window) {
        this.window = window;
    }

    void completed(long begun, long now) {
        long nanos = Math.clamp(now - begun, 1, HIGHEST_NANOS);
        if (window.overlaps(begun, now)) {
            overlapping.recordValue(nanos);
            int reload = window.index();
            worst[reload] = Math.max(worst[reload], nanos);
        } else {
            outside.recordValue(nanos);
        }
    }

    void add(Latencies other) {
        overlapping.add(other.overlapping);
        outside.add(other.outside);
        for (int i = 0; i < worst.length; i++) {
            worst[i] = Math.max(worst[i], other.worst[i]);
        }
    }

    /// Of all requests that overlapped a reload.
    SoakResult.Spread overlapping() {
        return spread(overlapping);
    }

    /// Of all requests that overlapped none.
    SoakResult.Spread outside() {
        return spread(outside);
    }

    /// Of each reload's slowest request.
    SoakResult.Spread worst() {
        Histogram slowest = new Histogram(1, HIGHEST_NANOS, DIGITS);
        for (int i = 0; i < Math.min(window.count(), worst.length); i++) {
            if (worst[i] > 0) {
                slowest.recordValue(worst[i]);
            }
        }
        return spread(slowest);
    }

    private static SoakResult.Spread spread(Histogram nanos) {
        return new SoakResult.Spread(
                nanos.getValueAtPercentile(50) / 1e6,
                nanos.getValueAtPercentile(99) / 1e6,
                nanos.getMaxValue() / 1e6);
    }
}
