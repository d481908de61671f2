package helix.shell.blk.soak;

import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// Replaces a driver again and again under verified load, and looks whether it was replaced indeed.
/// For one thread.
public final class DriverSwapper {
    private static final int MOST_TOLD = 8;

    /// A build that is not taken will not be taken later.
    private static final int MOST_UNCOMMITTED = 5;

    /// The engine keeps a hundred reports.
    private static final int REFRESH_EVERY = 50;

    private final Reloads reloads;
    private final Reloads.Options options;
    private final String driver;
    private final String device;
    private final Supplier<@Nullable ClassLoader> serving;
    private final ReloadWindow window;
    private final Map<Long, ReloadReport> reports = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    /// Not held: that would keep an old generation's classes.
    private WeakReference<@Nullable ClassLoader> before;

    private int newClassLoaders;
    private int uncommitted;
    private boolean gaveUp;

    /// Makes a swapper.
    ///
    /// @param reloads the engine
    /// @param options how to replace; cold if that is wanted, else warm is
    /// @param driver the driver's name
    /// @param device the device under load
    /// @param serving the class loader of the code that serves that device now
    /// @param run the load
    public DriverSwapper(
            Reloads reloads,
            Reloads.Options options,
            String driver,
            String device,
            Supplier<@Nullable ClassLoader> serving,
            SoakRun run) {
        this.reloads = reloads;
        this.options = options;
        this.driver = driver;
        this.device = device;
        this.serving = serving;
        window = run.window();
        before = new WeakReference<>(serving.get());
    }

    /// Replaces the driver by builds in turn.
    ///
    /// @param builds at least two
    /// @param period from one begin to the next, where a reload does not take longer
    /// @param time for how long
    /// @param run the load; ends early if that does
    /// @throws InterruptedException if the thread is interrupted
    public void run(List<Path> builds, Duration period, Duration time, SoakRun run)
            throws InterruptedException {
        long end = System.nanoTime() + time.toNanos();
        long next = System.nanoTime();
        int turn = 0;
        while (!gaveUp && System.nanoTime() - end < 0) {
            swap(builds.get(turn++ % builds.size()));
            if (turn % REFRESH_EVERY == 0) {
                refresh();
            }
            next = Math.max(next + period.toNanos(), System.nanoTime());
            long pause = Math.min(next, end) - System.nanoTime();
            if (pause > 0 && run.await(Duration.ofNanos(pause))) {
                return;
            }
        }
    }

    /// Replaces the driver once.
    ///
    /// @param jar by what
    public void swap(Path jar) {
        ReloadReport report;
        window.begin(System.nanoTime());
        try {
            report = reloads.update(driver, jar, options);
        } catch (IllegalArgumentException | ModuleError e) {
            problem("reload: " + e.getMessage());
            gaveUp = true;
            return;
        } finally {
            window.end(System.nanoTime());
        }
        reports.put(report.id(), report);
        if (report.outcome() != Outcome.COMMITTED) {
            problem(
                    "reload %d to %s: %s (%s: %s)"
                            .formatted(
                                    report.id(),
                                    report.to(),
                                    report.outcome(),
                                    report.step(),
                                    report.reason()));
            gaveUp = report.outcome() == Outcome.FAILED || ++uncommitted == MOST_UNCOMMITTED;
            return;
        }
        checkMode(report);
        checkClassLoader(report);
        if (report.otherBundlesTouched() != 0) {
            problem(
                    "reload %d touched %d other bundles"
                            .formatted(report.id(), report.otherBundlesTouched()));
        }
    }

    private void checkMode(ReloadReport report) {
        DeviceReport mine = mine(report);
        if (mine == null) {
            problem("reload %d did not touch device %s".formatted(report.id(), device));
        } else if (mine.warm() == options.cold()) {
            problem(
                    "reload %d was %s%s"
                            .formatted(
                                    report.id(),
                                    mine.warm() ? "warm" : "cold",
                                    mine.why().isEmpty() ? "" : ": " + mine.why()));
        }
    }

    @SuppressWarnings("ReferenceEquality") // class loaders have no other
    private void checkClassLoader(ReloadReport report) {
        ClassLoader now = serving.get();
        if (now == null) {
            problem("reload %d: nothing serves the disk's device".formatted(report.id()));
        } else if (now == before.get()) {
            problem("reload %d: the same class loader serves".formatted(report.id()));
        } else {
            newClassLoaders++;
        }
        before = new WeakReference<>(now);
    }

    private @Nullable DeviceReport mine(ReloadReport report) {
        for (DeviceReport each : report.devices()) {
            if (each.device().equals(device)) {
                return each;
            }
        }
        return null;
    }

    /// Reads reports again: some values are known only later.
    public void refresh() {
        for (ReloadReport report : reloads.reports()) {
            reports.computeIfPresent(report.id(), (id, old) -> report);
        }
    }

    private void problem(String what) {
        if (problems.size() < MOST_TOLD) {
            problems.add(what);
        }
    }

    List<String> problems() {
        return problems;
    }

    int newClassLoaders() {
        return newClassLoaders;
    }

    int count(Outcome outcome) {
        return (int) reports.values().stream().filter(r -> r.outcome() == outcome).count();
    }

    int warm() {
        return (int)
                reports.values().stream()
                        .filter(r -> r.outcome() == Outcome.COMMITTED)
                        .map(this::mine)
                        .filter(d -> d != null && d.warm())
                        .count();
    }

    long sum(ToLongFunction<DeviceReport> what) {
        return reports.values().stream().flatMap(r -> r.devices().stream()).mapToLong(what).sum();
    }

    long otherBundlesTouched() {
        return reports.values().stream().mapToLong(ReloadReport::otherBundlesTouched).sum();
    }

    SoakResult.Spread pauseMs() {
        double[] values =
                reports.values().stream()
                        .map(this::mine)
                        .filter(d -> d != null)
                        .mapToDouble(DeviceReport::pauseMs)
                        .sorted()
                        .toArray();
        return values.length == 0
                ? new SoakResult.Spread(0, 0, 0)
                : new SoakResult.Spread(
                        percentile(values, 50), percentile(values, 99), values[values.length - 1]);
    }

    @Nullable Double recoveryMs() {
        double[] values =
                reports.values().stream()
                        .map(this::mine)
                        .filter(d -> d != null && d.recoveryMs() >= 0)
                        .mapToDouble(DeviceReport::recoveryMs)
                        .sorted()
                        .toArray();
        return values.length == 0 ? null : percentile(values, 50);
    }

    /// The smallest value that this part of all does not exceed.
    private static double percentile(double[] sorted, int percent) {
        return sorted[Math.ceilDiv(sorted.length * percent, 100) - 1];
    }
}
