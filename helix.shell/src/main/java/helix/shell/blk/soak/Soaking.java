package helix.shell.blk.soak;

import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The course of a soak: warm-up, rate before, reloads or just time, rate after, verification.
public final class Soaking {
    private static final Duration LONGEST_WARM_UP = Duration.ofSeconds(3);
    private static final Duration LONGEST_RATE = Duration.ofSeconds(3);

    /// Which parts of the time, at most, go to the warm-up and to each rate.
    private static final int WARM_UP_PART = 10;

    private static final int RATE_PART = 5;

    private final SoakRun run;
    private final long seed;
    private final Duration time;
    private final Duration warmUp;
    private final Duration rate;
    private double iopsBefore;
    private double iopsAfter;

    /// Plans it.
    ///
    /// @param run the load
    /// @param seed of the load
    /// @param time with reloads: for how long drivers are replaced, beside which there is the time
    ///   for the rates; without: for all
    public Soaking(SoakRun run, long seed, Duration time) {
        this.run = run;
        this.seed = seed;
        this.time = time;
        warmUp = shorter(LONGEST_WARM_UP, time.dividedBy(WARM_UP_PART));
        rate = shorter(LONGEST_RATE, time.dividedBy(RATE_PART));
    }

    private static Duration shorter(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? a : b;
    }

    /// Reloads to be done during the load.
    ///
    /// @param swapper does them
    /// @param builds builds of the driver
    /// @param original the build to end with
    /// @param period from one to the next
    /// @param mode what to call it
    public record Plan(
            DriverSwapper swapper,
            List<Path> builds,
            Path original,
            Duration period,
            String mode) {}

    /// Runs it.
    ///
    /// @param plan the reloads, null for none
    /// @param image the raw file behind the disk, null if there is none to verify
    /// @return what it came to
    /// @throws InterruptedException if the thread is interrupted
    /// @throws IOException if the image cannot be read
    public SoakResult run(@Nullable Plan plan, @Nullable Path image)
            throws InterruptedException, IOException {
        load(plan);
        run.finish();
        if (image != null) {
            run.verifyImage(image);
        }
        return result(plan, image);
    }

    private void load(@Nullable Plan plan) throws InterruptedException {
        if (run.await(warmUp)) {
            return;
        }
        iopsBefore = rate();
        if (plan == null) {
            Duration rest = time.minus(warmUp).minus(rate.multipliedBy(2));
            if (run.await(rest)) {
                return;
            }
        } else {
            plan.swapper().run(plan.builds(), plan.period(), time, run);
            plan.swapper().swap(plan.original());
            if (run.await(warmUp)) {
                return;
            }
        }
        iopsAfter = rate();
    }

    private double rate() throws InterruptedException {
        long begin = System.nanoTime();
        long before = run.ios();
        run.await(rate);
        return (run.ios() - before) * 1e9 / Math.max(1, System.nanoTime() - begin);
    }

    private SoakResult result(@Nullable Plan plan, @Nullable Path image) {
        Defects defects = run.defects();
        Latencies latencies = run.latencies();
        List<String> problems = new ArrayList<>(run.failures());
        problems.addAll(defects.told());
        if (plan != null) {
            plan.swapper().refresh();
            problems.addAll(plan.swapper().problems());
        }
        SoakResult.Spread none = new SoakResult.Spread(0, 0, 0);
        DriverSwapper s = plan == null ? null : plan.swapper();
        return new SoakResult(
                s == null ? 0 : s.count(Outcome.COMMITTED),
                defects.failed(),
                defects.lost(),
                defects.torn(),
                defects.stale(),
                defects.misplaced(),
                s == null ? 0 : s.sum(DeviceReport::adopted),
                s == null ? 0 : s.sum(DeviceReport::replayed),
                s == null ? 0 : s.sum(DeviceReport::parked),
                s == null ? none : s.pauseMs(),
                latencies.overlapping(),
                latencies.worst(),
                latencies.outside(),
                s == null ? null : s.recoveryMs(),
                iopsBefore,
                iopsAfter,
                plan == null ? null : plan.mode(),
                s == null ? 0 : s.warm(),
                s == null ? 0 : s.count(Outcome.ROLLED_BACK),
                s == null ? 0 : s.newClassLoaders(),
                s == null ? 0 : s.otherBundlesTouched(),
                run.seconds(),
                run.ios(),
                run.bytes(),
                seed,
                image == null ? null : image.toString(),
                problems);
    }
}
