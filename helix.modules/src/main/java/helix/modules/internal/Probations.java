package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.internal.reload.RevisionStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.osgi.framework.Bundle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Revisions that were committed a short while ago. When a module of one crashes or hangs, all the
/// driver's devices go back to the revision before.
final class Probations {
    private static final Duration TIME = Duration.ofSeconds(30);
    private static final Logger LOG = LoggerFactory.getLogger(Probations.class);

    /// One that is on probation.
    ///
    /// @param crashed what became of which device
    private record Probation(
            String driver,
            long bundleId,
            Set<Long> factories,
            Deadline until,
            AtomicBoolean begun,
            Map<String, String> crashed) {
        static Probation of(String driver, Bundle bundle, Set<Long> factories) {
            return new Probation(
                    driver,
                    bundle.getBundleId(),
                    Set.copyOf(factories),
                    Deadline.after(TIME),
                    new AtomicBoolean(),
                    new ConcurrentHashMap<>());
        }

        Probation from(Set<Long> allFactories) {
            return new Probation(
                    driver,
                    bundleId,
                    Set.copyOf(allFactories),
                    Deadline.after(TIME),
                    begun,
                    crashed);
        }
    }

    private final Engine engine;

    /// By the bundle that the platform began with: one each.
    private final Map<String, Probation> probations = new ConcurrentHashMap<>();

    /// Those that have devices and are not committed yet: there is no way back before that, and a
    /// device that crashes waits. Its own lock, for both tables at the commit.
    private final Map<String, Probation> coming = new HashMap<>();

    Probations(Engine engine) {
        this.engine = engine;
    }

    /// Begins, before the revision gets its first device.
    ///
    /// @param factories the service ids of the revision's component factories
    void begin(String driver, Bundle bundle, Set<Long> factories) {
        synchronized (coming) {
            coming.put(RevisionStore.lineage(bundle), Probation.of(driver, bundle, factories));
        }
    }

    /// Takes note that the revision is committed, and sees to what has crashed since it has begun.
    ///
    /// @param factories by now
    void commit(String lineage, Set<Long> factories) {
        Probation of;
        synchronized (coming) {
            Probation begun = coming.remove(lineage);
            if (begun == null) {
                return;
            }
            of = begun.from(factories);
            probations.put(lineage, of);
        }
        var first = of.crashed.values().stream().findFirst();
        if (first.isPresent() && of.begun.compareAndSet(false, true)) {
            if (!goBack(lineage, of, first.get())) {
                retry(of);
            }
        }
    }

    /// Takes note that the revision is not committed, and gives what has crashed to the one before.
    void cancel(String lineage) {
        Probation of;
        synchronized (coming) {
            of = coming.remove(lineage);
        }
        if (of != null) {
            retry(of);
        }
    }

    private void retry(Probation of) {
        of.crashed.keySet().forEach(d -> engine.bindings().retry(d));
    }

    /// Ends, because the revision is replaced.
    void end(String lineage) {
        probations.remove(lineage);
    }

    /// Looks whether a run that has failed was one on probation.
    ///
    /// @return whether its device is being seen to
    boolean onCrash(ModuleRun run) {
        String crash = run.name() + ": " + run.reason();
        synchronized (coming) {
            for (Probation of : coming.values()) {
                if (of.factories.contains(run.factory())) {
                    of.crashed.put(run.deviceId(), crash);
                    return true;
                }
            }
        }
        for (var entry : probations.entrySet()) {
            Probation of = entry.getValue();
            boolean isOf = of.factories.contains(run.factory());
            if (isOf && (of.begun.get() || !of.until.isExpired())) {
                of.crashed.put(run.deviceId(), crash);
                if (of.begun.compareAndSet(false, true)) {
                    return goBack(entry.getKey(), of, crash);
                }
                return true;
            }
        }
        return false;
    }

    private boolean goBack(String lineage, Probation of, String crash) {
        Bundle bundle = engine.context().getBundle(of.bundleId);
        Path jar = bundle == null ? null : engine.store().previousOf(bundle).orElse(null);
        if (jar == null) {
            probations.remove(lineage, of);
            return false;
        }
        LOG.warn("{} crashed on probation, going back: {}", of.driver, crash);
        Reload.Order order =
                Reload.Order.probation(of.driver, jar, crash, of.bundleId, of.crashed.keySet());
        try {
            var _ =
                    engine.begin(order)
                            .whenComplete((report, failure) -> ended(lineage, of, report, failure));
            return true;
        } catch (RuntimeException e) { // the platform ends
            LOG.debug("{} is not brought back", of.driver, e);
            return false;
        }
    }

    private void ended(
            String lineage,
            Probation of,
            @org.jspecify.annotations.Nullable ReloadReport report,
            @org.jspecify.annotations.Nullable Throwable failure) {
        probations.remove(lineage, of);
        if (report == null || report.outcome() != Outcome.ROLLED_BACK) {
            LOG.error(
                    "{} could not be brought back: {}",
                    of.driver,
                    report == null ? failure : report.reason());
            retry(of);
        }
    }
}
