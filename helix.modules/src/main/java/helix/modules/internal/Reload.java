package helix.modules.internal;

import helix.modules.api.ModuleState;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.internal.deploy.JarCheck;
import helix.modules.internal.reload.BundleWatch;
import helix.modules.internal.reload.RevisionStore;
import helix.modules.internal.reload.RevisionStore.Keep;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One reload of a driver: the new revision is prepared beside the old one, its devices pass over
/// one after the other, and one of the two bundles goes.
final class Reload {
    private static final Duration FACTORY_LIMIT = Duration.ofSeconds(10);

    /// How often it is looked for devices that were bound to the old revision meanwhile.
    private static final int ROUNDS = 5;

    private static final Logger LOG = LoggerFactory.getLogger(Reload.class);

    /// What is to be done.
    ///
    /// @param jar the new revision; null for the present one once more
    /// @param keep what a commit leaves
    /// @param crash what crashed on probation, else empty
    /// @param only the bundle that is to be replaced, or nothing is done; negative if any
    /// @param extra devices to be bound although no module drives them now
    record Order(
            String driver,
            String cause,
            @Nullable Path jar,
            Options options,
            Keep keep,
            String crash,
            long only,
            Set<String> extra) {
        static Order of(
                String driver, String cause, @Nullable Path jar, Options options, Keep keep) {
            return new Order(driver, cause, jar, options, keep, "", -1, Set.of());
        }

        static Order probation(
                String driver, Path jar, String crash, long bundleId, Set<String> crashed) {
            Keep keep = new Keep(false, true);
            return new Order(driver, crash, jar, Engine.COLD, keep, crash, bundleId, crashed);
        }

        boolean isProbation() {
            return !crash.isEmpty();
        }
    }

    private final Engine engine;
    private final Order order;
    private final Bindings bindings;
    private final long id;
    private final Instant begun = Instant.now();
    private final long beganAt = System.nanoTime();
    private final Map<String, Passing> passings = new TreeMap<>();
    private final List<Passing> back = new ArrayList<>();

    private final Map<String, Double> rates = new HashMap<>();

    private @Nullable Bundle candidate;
    private @Nullable Path staged;
    private @Nullable Path oldJar;
    private boolean isOther = true;
    private Map<String, Optional<ModuleState.Schema>> schemas = new HashMap<>();
    private String from = "";
    private String to = "";
    private int touched;

    Reload(Engine engine, Order order) {
        this.engine = engine;
        this.order = order;
        this.bindings = engine.bindings();
        this.id = engine.reports().nextId();
    }

    ReloadReport run() {
        Bundle old = engine.driver(order.driver()).bundle();
        from = old.getVersion().toString();
        String lineage = RevisionStore.lineage(old);
        if (order.only() >= 0 && order.only() != old.getBundleId()) {
            return refused("the revision that crashed was replaced meanwhile");
        }
        engine.ours().add(old.getBundleId());
        runs(old).forEach(r -> rates.put(r.deviceId(), engine.rates().rate(r.deviceId())));
        try (BundleWatch watch = new BundleWatch(engine.context(), engine.ours()::contains)) {
            engine.store().clean(lineage);
            Bundle next;
            try {
                next = prepare(old, lineage);
            } catch (Refusal | RuntimeException e) { // also of a driver or HAL that is going
                LOG.warn("{} {} is refused: {}", order.driver(), to, e.getMessage());
                LOG.debug("why", e);
                drop();
                touched = watch.touched();
                return refused(Reason.of(e));
            }
            compare(old);
            if (isOther && order.keep().previous()) {
                engine.probations().begin(order.driver(), next, factories(next));
            }
            Passing.Failure failure = exchangeAll(old, next);
            if (failure == null) {
                commit(old, next, lineage);
            } else {
                goBack(old, next);
                drop();
            }
            touched = watch.touched();
            return ended(failure);
        } finally {
            engine.probations().cancel(lineage); // if it was not committed
            engine.store().clean(lineage);
            engine.ours().remove(old.getBundleId());
            Bundle next = candidate;
            if (next != null) {
                engine.ours().remove(next.getBundleId());
            }
        }
    }

    // --- prepare ---------------------------------------------------------------------------------

    private Bundle prepare(Bundle old, String lineage) throws Refusal {
        Path copy;
        try {
            Path jar = order.jar();
            copy = engine.store().stage(lineage, jar == null ? engine.store().jarOf(old) : jar);
        } catch (IOException e) {
            throw new Refusal("the jar cannot be copied: " + e, e);
        }
        staged = copy;
        JarCheck.Result result = engine.check().check(copy, old.getLocation());
        to = result.version();
        if (result.refusal() != null) {
            throw new Refusal(result.refusal());
        }
        Bundle next = install(old, copy, lineage);
        candidate = next;
        Map<String, Driver> wanted = drivers(old);
        Map<String, Driver> given = drivers(next);
        for (Driver driver : wanted.values()) {
            if (!given.containsKey(driver.name())) {
                throw new Refusal(
                        "it has no driver '%s' (it has: %s)"
                                .formatted(driver.name(), String.join(", ", given.keySet())));
            }
            if (isPresent(old, driver.name())) {
                rehearse(awaitFactory(next, driver.name()), old);
            }
        }
        return next;
    }

    private Bundle install(Bundle old, Path copy, String lineage) throws Refusal {
        String location = engine.store().newLocation(lineage);
        try (InputStream in = Files.newInputStream(copy)) {
            Bundle next = engine.context().installBundle(location, in);
            candidate = next;
            engine.ours().add(next.getBundleId());
            bindings.hide(next.getBundleId());
            engine.bringing().accept(next); // its jar was looked at
            next.adapt(BundleStartLevel.class)
                    .setStartLevel(old.adapt(BundleStartLevel.class).getStartLevel());
            next.start();
            return next;
        } catch (IOException | BundleException e) {
            throw new Refusal("it cannot be started: " + Reason.of(e), e);
        }
    }

    /// The drivers in a bundle, whether their factories are there or not.
    private Map<String, Driver> drivers(Bundle bundle) {
        return engine.binder().installed().stream()
                .filter(d -> d.bundle().equals(bundle))
                .collect(Collectors.toMap(Driver::name, d -> d, (a, _) -> a, TreeMap::new));
    }

    private boolean isPresent(Bundle bundle, String name) {
        return engine.awaitDriver(bundle.getBundleId(), name, Duration.ZERO);
    }

    private Driver awaitFactory(Bundle next, String name) throws Refusal {
        if (!engine.awaitDriver(next.getBundleId(), name, FACTORY_LIMIT)) {
            throw new Refusal(
                    "its component factory has not come in %s: something that it refers to is not here"
                            .formatted(ModuleRun.seconds(FACTORY_LIMIT)));
        }
        return present(next, name);
    }

    private Driver present(Bundle bundle, String name) {
        return bindings.allDrivers().stream()
                .filter(d -> d.bundle().equals(bundle) && d.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new helix.modules.api.ModuleError(name + " is going away"));
    }

    private void rehearse(Driver next, Bundle old) throws Refusal {
        if (order.isProbation()) {
            return; // it has served before, and time matters
        }
        for (ModuleRun run : runs(old)) {
            KnownDevice device = bindings.device(run.deviceId());
            if (run.driverName().equals(next.name()) && device != null) {
                Rehearsing rehearsing = new Rehearsing(bindings, next, device);
                schemas.put(next.name(), rehearsing.rehearse());
                return;
            }
        }
    }

    // --- the devices -----------------------------------------------------------------------------

    private List<ModuleRun> runs(Bundle bundle) {
        Set<Long> factories = factories(bundle);
        return bindings.runs(r -> factories.contains(r.factory())).stream()
                .sorted(Comparator.comparing(ModuleRun::deviceId))
                .toList();
    }

    private Set<Long> factories(Bundle bundle) {
        return bindings.allDrivers().stream()
                .filter(d -> d.bundle().equals(bundle))
                .map(Driver::serviceId)
                .collect(Collectors.toSet());
    }

    private Passing.@Nullable Failure exchangeAll(Bundle old, Bundle next) {
        try {
            return exchange(old, next);
        } catch (RuntimeException e) { // a driver or the HAL is going
            LOG.warn("{}: the reload is broken off", order.driver(), e);
            return new Passing.Failure("hand over", Reason.of(e));
        }
    }

    /// Has all devices pass over.
    ///
    /// @return what the new revision did wrong, or null
    private Passing.@Nullable Failure exchange(Bundle old, Bundle next) {
        for (String deviceId : Set.copyOf(order.extra())) {
            KnownDevice device = bindings.device(deviceId);
            if (device != null && bindings.run(deviceId) == null) {
                Passing.Failure failure = pass(device, order.driver(), old, next);
                if (failure != null) {
                    return failure;
                }
            }
        }
        for (int round = 0; round < ROUNDS; round++) {
            List<ModuleRun> runs = runs(old);
            for (ModuleRun run : runs) {
                KnownDevice device = bindings.device(run.deviceId());
                if (device != null) {
                    Passing.Failure failure = pass(device, run.driverName(), old, next);
                    if (failure != null) {
                        return failure;
                    }
                }
            }
            if (runs.isEmpty()) {
                // From here on devices that come get the new one; those that came a moment ago
                // have a round of their own.
                bindings.showInstead(next.getBundleId(), old.getBundleId());
                if (runs(old).isEmpty()) {
                    break;
                }
            }
        }
        return null;
    }

    private Passing.@Nullable Failure pass(
            KnownDevice device, String driver, Bundle old, Bundle next) {
        Passing.Way way =
                new Passing.Way(
                        present(old, driver),
                        present(next, driver),
                        order.options(),
                        schemas.getOrDefault(driver, Optional.empty()),
                        order.isProbation() ? "it crashed on probation" : "cold was asked for");
        Passing passing = new Passing(engine, device, way, rates.getOrDefault(device.id(), 0.0));
        passings.put(device.id(), passing);
        passing.run();
        return passing.failure();
    }

    // --- commit or not ---------------------------------------------------------------------------

    private void commit(Bundle old, Bundle next, String lineage) {
        engine.probations().end(lineage);
        try {
            Path copy = staged;
            if (copy != null) {
                Path present = oldJar;
                Path jar = present == null ? engine.store().jarOf(old) : present;
                if (order.isProbation()) {
                    engine.store().reject(lineage, jar, order.crash());
                }
                engine.store().commit(copy, to, old, jar, order.keep());
            }
        } catch (IOException e) {
            LOG.error("{} {} will not survive a restart", order.driver(), to, e);
        }
        if (!passings.isEmpty()) {
            engine.probations().commit(lineage, factories(next));
        }
        uninstall(old);
    }

    /// Finds out whether the new revision is another one at all.
    private void compare(Bundle old) {
        try {
            Path copy = staged;
            Path jar = engine.store().jarOf(old);
            oldJar = jar;
            isOther = copy == null || Files.mismatch(copy, jar) != -1;
        } catch (IOException e) {
            LOG.warn("{} {} is taken for another revision", order.driver(), to, e);
        }
    }

    private void drop() {
        Bundle next = candidate;
        if (next != null) {
            uninstall(next);
        }
    }

    private void uninstall(Bundle bundle) {
        try {
            bundle.uninstall();
        } catch (BundleException e) {
            LOG.error("{} stays installed", bundle, e);
        }
        bindings.forgetHidden(bundle.getBundleId());
        engine.bringing().forget(bundle);
    }

    /// Brings those devices back that had passed over before another one failed. Cold: the new
    /// revision has touched them.
    private void goBack(Bundle old, Bundle next) {
        bindings.showInstead(old.getBundleId(), next.getBundleId());
        for (ModuleRun run : runs(next)) {
            KnownDevice device = bindings.device(run.deviceId());
            if (device != null) {
                Passing.Way way =
                        new Passing.Way(
                                present(next, run.driverName()),
                                present(old, run.driverName()),
                                Engine.COLD,
                                Optional.empty(),
                                "another device failed");
                Passing passing = new Passing(engine, device, way, 0);
                back.add(passing);
                passing.run();
            }
        }
    }

    // --- the report ------------------------------------------------------------------------------

    ReloadReport refused(String reason) {
        return keep(report(Outcome.REFUSED, "prepare", reason));
    }

    private ReloadReport ended(Passing.@Nullable Failure failure) {
        if (failure == null) {
            ReloadReport report =
                    order.isProbation()
                            ? report(Outcome.ROLLED_BACK, "probation", order.crash())
                            : report(Outcome.COMMITTED, "", "");
            LOG.info("{} {} is in service, was {}", order.driver(), to, from);
            return keep(report);
        }
        boolean isFenced = passings.values().stream().anyMatch(Passing::isFenced);
        boolean serves =
                passings.values().stream().allMatch(Passing::serves)
                        && back.stream().allMatch(Passing::serves);
        Outcome outcome =
                !isFenced ? Outcome.REFUSED : serves ? Outcome.ROLLED_BACK : Outcome.FAILED;
        return keep(report(outcome, failure.step(), failure.reason()));
    }

    private ReloadReport keep(ReloadReport report) {
        engine.reports().add(report);
        for (Passing passing : passings.values()) {
            if (passing.recoveryMs() >= 0) { // found out a moment ago
                recovered(passing, passing.recoveryMs());
            }
        }
        return report;
    }

    private void recovered(Passing passing, double millis) {
        engine.reports().recovered(id, passing.device().id(), millis);
    }

    private ReloadReport report(Outcome outcome, String step, String reason) {
        long now = System.nanoTime();
        Map<String, DeviceReport> devices = new LinkedHashMap<>();
        passings.values()
                .forEach(p -> {
                    p.onRecovery(millis -> recovered(p, millis));
                    devices.put(p.device().id(), p.report());
                });
        long fence =
                passings.values().stream()
                        .filter(Passing::isFenced)
                        .mapToLong(Passing::fencedAt)
                        .min()
                        .orElse(now);
        return new ReloadReport(
                id,
                begun,
                order.driver(),
                order.cause(),
                from,
                to,
                outcome,
                step,
                reason,
                List.copyOf(devices.values()),
                touched,
                (fence - beganAt) / 1e6,
                (now - beganAt) / 1e6);
    }
}
