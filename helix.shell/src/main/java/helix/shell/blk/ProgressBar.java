package helix.shell.blk;

import helix.shell.Output;
import helix.shell.Sizes;
import helix.shell.blk.engine.Progress;
import java.util.function.LongSupplier;

/// A line that tells how far work has come, drawn over itself. Without a terminal it is silent.
final class ProgressBar implements Progress, AutoCloseable {
    private static final int WIDTH = 30;
    private static final long PERIOD_NANOS = 100_000_000;
    private static final String CLEAR = "\r\u001b[K";

    private final Output out;
    private final String label;
    private final LongSupplier clock;
    private final long start;
    private long lastDrawn;
    private boolean drawn;

    ProgressBar(Output out, String label) {
        this(out, label, System::nanoTime);
    }

    ProgressBar(Output out, String label, LongSupplier clock) {
        this.out = out;
        this.label = label;
        this.clock = clock;
        start = clock.getAsLong();
        lastDrawn = start;
    }

    @Override
    public void moved(long done, long total) {
        if (!out.isInteractive()) {
            return;
        }
        long now = clock.getAsLong();
        if (now - lastDrawn < PERIOD_NANOS) {
            return;
        }
        lastDrawn = now;
        drawn = true;
        out.raw(CLEAR + line(done, total, (now - start) / 1e9));
    }

    private String line(long done, long total, double seconds) {
        double part = total == 0 ? 1 : done / (double) total;
        int full = (int) (part * WIDTH);
        double rate = done / seconds;
        long left = rate == 0 ? 0 : Math.round((total - done) / rate);
        return "%s [%s%s] %3.0f%% %s of %s, %s/s, %d s left"
                .formatted(
                        label,
                        "#".repeat(full),
                        ".".repeat(WIDTH - full),
                        part * 100,
                        Sizes.text(done),
                        Sizes.text(total),
                        Sizes.text((long) rate),
                        left);
    }

    /// Seconds since this was made.
    double seconds() {
        return (clock.getAsLong() - start) / 1e9;
    }

    /// Takes the line away.
    @Override
    public void close() {
        if (drawn) {
            out.raw(CLEAR);
        }
    }
}
