package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.internal.reload.RevisionStore;
import java.nio.file.Path;
import java.time.Duration;
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
    private record Probation(
            String driver,
            long bundleId,
            Set<Long> factories,
            Deadline until,
            AtomicBoolean begun,
            Set<String> crashed) {}

    private final Engine engine;

    /// By the bundle that the platform began with: one each.
    private final Map<String, Probation> probations = new ConcurrentHashMap<>();

    Probations(Engine engine) {
        this.engine = engine;
    }

    /// Begins.
    ///
    /// @param factories the service ids of the revision's component factories
    void begin(String driver, Bundle bundle, Set<Long> factories) {
        probations.put(
                RevisionStore.lineage(bundle),
                new Probation(
                        driver,
                        bundle.getBundleId(),
                        Set.copyOf(factories),
                        Deadline.after(TIME),
                        new AtomicBoolean(),
                        ConcurrentHashMap.newKeySet()));
    }

    /// Ends, because the revision is replaced.
    void end(String lineage) {
        probations.remove(lineage);
    }

    /// Looks whether a run that has failed was one on probation.
    ///
    /// @return whether its device is being seen to
    boolean onCrash(ModuleRun run) {
        for (var entry : probations.entrySet()) {
            Probation of = entry.getValue();
            boolean isOf = of.factories.contains(run.factory());
            if (isOf && (of.begun.get() || !of.until.isExpired())) {
                of.crashed.add(run.deviceId());
                if (of.begun.compareAndSet(false, true)) {
                    return goBack(entry.getKey(), of, run);
                }
                return true;
            }
        }
        return false;
    }

    private boolean goBack(String lineage, Probation of, ModuleRun run) {
        Bundle bundle = engine.context().getBundle(of.bundleId);
        Path jar = bundle == null ? null : engine.store().previousOf(bundle).orElse(null);
        if (jar == null) {
            probations.remove(lineage, of);
            return false;
        }
        String crash = run.name() + ": " + run.reason();
        LOG.warn("{} crashed on probation, going back: {}", of.driver, crash);
        Reload.Order order = Reload.Order.probation(of.driver, jar, crash, of.bundleId, of.crashed);
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
            of.crashed.forEach(d -> engine.bindings().retry(d));
        }
    }
}
