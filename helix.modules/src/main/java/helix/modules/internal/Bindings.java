package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.binder.Binder.DriverStatus;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import helix.modules.internal.FilterTerm.Score;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Which driver drives which device: what is known, what should be, and what is.
///
/// One lock guards the tables. Nothing of others is called while it is held: not the framework, not
/// the component runtime, not a module.
final class Bindings implements ModuleRun.Host {
    /// What comes in one go is bound in one go.
    private static final Duration MOMENT = Duration.ofMillis(5);

    private final AtomicBoolean pending = new AtomicBoolean();
    private final Bringing bringing;
    private final Supervisor supervisor;
    private final Overrides overrides;
    private final SelfHeal heal;
    private final Supplier<List<Driver>> coming;
    private volatile CrashGuard guard = _ -> false;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final TreeMap<String, KnownDevice> devices = new TreeMap<>();
    private final List<Driver> drivers = new ArrayList<>();
    private final Map<String, ModuleRun> runs = new HashMap<>();
    private final PastRuns past = new PastRuns();
    private final Units units = new Units();
    private final Exchange exchange = new Exchange();
    private final Latecomers latecomers = new Latecomers();
    private boolean halPresent;
    private boolean closed;

    /// @param heals whether what crashes is restarted
    /// @param coming tells the drivers whose factories are here or about to come
    Bindings(
            Bringing bringing,
            Supervisor supervisor,
            Overrides overrides,
            boolean heals,
            Supplier<List<Driver>> coming) {
        this.bringing = bringing;
        this.coming = coming;
        this.supervisor = supervisor;
        this.overrides = overrides;
        this.heal = new SelfHeal(System::nanoTime, supervisor::later, heals, this::due);
    }

    /// Has somebody asked before a crashed module is restarted.
    void guard(CrashGuard crashGuard) {
        guard = crashGuard;
    }

    @Override
    public Bringing bringing() {
        return bringing;
    }

    // --- what comes and goes ---------------------------------------------------------------------

    void add(KnownDevice device) {
        locked(() -> devices.put(device.id(), device));
        bindAll();
    }

    /// Takes note of new properties.
    void replace(KnownDevice device) {
        locked(() -> devices.replace(device.id(), device));
        bindAll();
    }

    void remove(KnownDevice device) {
        // By service: the same slot may have been filled again already.
        locked(() -> {
            devices.values().removeIf(d -> d.serviceId() == device.serviceId());
            past.gone(device);
            latecomers.forget(device);
        });
        heal.release(device.id());
    }

    void add(Driver driver) {
        locked(() -> {
            drivers.add(driver);
            drivers.sort(Driver.ORDER);
        });
        bindAll();
    }

    void remove(Driver driver) {
        locked(() -> drivers.removeIf(d -> d.serviceId() == driver.serviceId()));
    }

    void halCame() {
        locked(() -> halPresent = true);
        bindAll();
    }

    void halGoes() {
        locked(() -> halPresent = false);
    }

    /// Binds nothing more.
    void close() {
        locked(() -> closed = true);
    }

    // --- matching --------------------------------------------------------------------------------

    /// Begins runs in a moment.
    private void bindAll() {
        if (pending.compareAndSet(false, true)) {
            supervisor.later(this::bindNow, MOMENT);
        }
    }

    /// Begins a run for each device that should have one and has none.
    private void bindNow() {
        pending.set(false);
        if (bindsNothing()) {
            return; // who could be asked for drivers may be gone too
        }
        List<ModuleRun> begun = new ArrayList<>();
        List<Driver> described = coming.get();
        Duration wait = Duration.ZERO;
        lock.lock();
        try {
            if (!halPresent || closed) {
                return;
            }
            List<Driver> all = Latecomers.with(drivers, described);
            long now = System.nanoTime();
            for (KnownDevice device : devices.values()) {
                boolean isTaken =
                        runs.containsKey(device.id()) || exchange.keepsUnbound(device.id());
                Driver driver = isTaken ? null : choice(device);
                if (driver == null || isTried(device, driver)) {
                    continue;
                }
                if (latecomers.isWaitedFor(device, driver, choice(device, all), now)) {
                    wait = wait.isZero() ? Latecomers.PATIENCE : wait;
                } else if (!units.has(driver.prefix(), device.id())
                        && latecomers.isBeforeItsTurn(device, runs, now)) {
                    wait = MOMENT;
                } else {
                    int unit = units.of(driver.prefix(), device.id());
                    ModuleRun run = new ModuleRun(this, device, driver, unit);
                    runs.put(device.id(), run);
                    heal.begun(device.id());
                    past.forget(device.id());
                    begun.add(run);
                }
            }
        } finally {
            lock.unlock();
        }
        for (ModuleRun run : begun) {
            supervisor.add(run);
            run.begin();
        }
        if (!wait.isZero()) { // a factory that comes says so itself
            supervisor.later(this::bindAll, wait);
        }
    }

    private boolean bindsNothing() {
        lock.lock();
        try {
            return !halPresent || closed;
        } finally {
            lock.unlock();
        }
    }

    /// The driver that a device should have, or null.
    @Nullable Driver choice(KnownDevice device) {
        return choice(device, drivers);
    }

    private @Nullable Driver choice(KnownDevice device, List<Driver> of) {
        String override = overrides.driver(device.id());
        if (device.reservedFor() != null || Overrides.UNBOUND.equals(override)) {
            return null;
        }
        lock.lock();
        try {
            if (override != null) {
                return of.stream()
                        .filter(exchange::isChosen)
                        .filter(d -> d.name().equals(override))
                        .findFirst()
                        .orElse(null);
            }
            // Of equal scores the first is taken, and the drivers are in order.
            return of.stream()
                    .filter(exchange::isChosen)
                    .filter(d -> d.score(device.properties()) != Score.NONE)
                    .min(
                            Comparator.comparing(
                                    d -> d.score(device.properties()), Comparator.reverseOrder()))
                    .orElse(null);
        } finally {
            lock.unlock();
        }
    }

    /// Whether this very pair has failed: only self-heal, a person's word, or a new device or
    /// revision gives it another chance.
    private boolean isTried(KnownDevice device, Driver driver) {
        return past.hasFailed(device, driver) && !heal.isDue(device.id());
    }

    /// A device may have its next generation.
    private void due() {
        changed();
        bindAll();
    }

    /// Gives a device another chance.
    void retry(String deviceId) {
        locked(() -> {
            heal.release(deviceId);
            past.forget(deviceId);
        });
        bindAll();
    }

    @Nullable String override(String deviceId) {
        return overrides.driver(deviceId);
    }

    void override(String deviceId, @Nullable String driver) {
        overrides.set(deviceId, driver);
        heal.release(deviceId);
        changed();
    }

    // --- what runs report ------------------------------------------------------------------------

    @Override
    public void changed() {
        locked(() -> {});
    }

    @Override
    public void ended(ModuleRun run) {
        supervisor.remove(run);
        if (!isKept(run)) {
            bury(run);
        }
        bindAll();
    }

    private boolean isKept(ModuleRun run) {
        lock.lock();
        try {
            return exchange.keeps(run);
        } finally {
            changed.signalAll();
            lock.unlock();
        }
    }

    /// Makes a run that has ended a thing of the past.
    private void bury(ModuleRun run) {
        if (!run.equals(run(run.deviceId()))) {
            left(run.deviceId(), run.zombies());
            return; // another generation drives the device
        }
        boolean crashed = run.state() == State.FAILED || run.state() == State.ZOMBIE;
        boolean isCaredFor =
                crashed && run.ending() != ModuleRun.Ending.ASKED && guard.takesCare(run);
        locked(() -> {
            if (runs.remove(run.deviceId(), run)) {
                if (crashed) {
                    heal.failed(SelfHeal.End.of(run), isCaredFor);
                }
                past.ended(run, devices.get(run.deviceId()));
            }
        });
    }

    @Override
    public void left(String deviceId, List<Thread> threads) {
        heal.left(deviceId, threads);
    }

    @Override
    public void returned(ModuleRun run) {
        locked(() -> past.returned(run, devices.get(run.deviceId())));
    }

    // --- what there is ---------------------------------------------------------------------------

    @Nullable KnownDevice device(String id) {
        lock.lock();
        try {
            return devices.get(id);
        } finally {
            lock.unlock();
        }
    }

    Collection<String> deviceIds() {
        lock.lock();
        try {
            return List.copyOf(devices.keySet());
        } finally {
            lock.unlock();
        }
    }

    /// The best of the drivers with that name.
    @Nullable Driver driver(String name) {
        return shown(allDrivers()).stream()
                .filter(d -> d.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /// Those that are not just being prepared or about to go.
    List<Driver> shown(List<Driver> of) {
        lock.lock();
        try {
            return of.stream().filter(exchange::isChosen).toList();
        } finally {
            lock.unlock();
        }
    }

    List<Driver> allDrivers() {
        lock.lock();
        try {
            return List.copyOf(drivers);
        } finally {
            lock.unlock();
        }
    }

    @Nullable ModuleRun run(String deviceId) {
        lock.lock();
        try {
            return runs.get(deviceId);
        } finally {
            lock.unlock();
        }
    }

    List<ModuleRun> runs(Predicate<ModuleRun> which) {
        lock.lock();
        try {
            return runs.values().stream().filter(which).toList();
        } finally {
            lock.unlock();
        }
    }

    List<ModuleStatus> moduleStatus() {
        lock.lock();
        try {
            List<ModuleStatus> all = new ArrayList<>();
            runs.values().forEach(r -> all.add(r.status()));
            past.statuses().forEach(p -> all.add(heal.show(p)));
            all.sort(Comparator.comparing(ModuleStatus::deviceId));
            return all;
        } finally {
            lock.unlock();
        }
    }

    List<ModuleHealth> health() {
        return moduleStatus().stream().map(heal::health).toList();
    }

    /// @param idle drivers whose factories are not there, since nothing is that they could drive
    List<DriverStatus> driverStatus(List<Driver> idle) {
        lock.lock();
        try {
            return Stream.concat(
                            drivers.stream().filter(exchange::isChosen),
                            idle.stream().filter(d -> drivers.stream().noneMatch(d::isSame)))
                    .sorted(Comparator.comparing(Driver::name).thenComparing(Driver.ORDER))
                    .map(this::status)
                    .toList();
        } finally {
            lock.unlock();
        }
    }

    private DriverStatus status(Driver driver) {
        List<String> bound =
                runs.values().stream()
                        .filter(r -> r.factory() == driver.serviceId())
                        .map(ModuleRun::deviceId)
                        .sorted()
                        .toList();
        return new DriverStatus(
                driver.name(),
                driver.description(),
                driver.version().toString(),
                Objects.requireNonNullElse(driver.bundle().getSymbolicName(), ""),
                driver.bundle().getBundleId(),
                driver.matches().stream().map(Driver.Match::text).toList(),
                bound);
    }

    // --- exchanging generations ------------------------------------------------------------------

    /// Binds no device to a bundle's drivers until they are shown; runs that there are go on.
    void hide(long bundleId) {
        locked(() -> exchange.hidden.add(bundleId));
    }

    /// Has devices bound to a bundle's drivers, and no more to those of another.
    void showInstead(long bundleId, long hiddenBundleId) {
        locked(() -> {
            exchange.hidden.add(hiddenBundleId);
            exchange.hidden.remove(bundleId);
        });
        bindAll();
    }

    /// Forgets a bundle that is uninstalled.
    void forgetHidden(long bundleId) {
        locked(() -> exchange.hidden.remove(bundleId));
    }

    /// Keeps a device from being bound, and its run in its place also when it has ended.
    ///
    /// @return false if somebody else does, also after the deadline
    boolean hold(String deviceId, Deadline deadline) {
        lock.lock();
        try {
            if (!await(() -> !exchange.held.contains(deviceId), deadline)) {
                return false;
            }
            exchange.held.add(deviceId);
            return true;
        } finally {
            lock.unlock();
        }
    }

    /// Ends [#hold].
    void free(String deviceId) {
        List<ModuleRun> over = new ArrayList<>();
        locked(() -> {
            exchange.held.remove(deviceId);
            over.addAll(exchange.takeEnded(deviceId));
        });
        over.forEach(this::bury);
        bindAll();
    }

    /// Waits until nobody holds any of the devices.
    void awaitFree(Collection<String> deviceIds, Deadline deadline) {
        var _ = await(() -> deviceIds.stream().noneMatch(exchange.held::contains), deadline);
    }

    /// Keeps devices from being bound, or does so no more.
    void block(Collection<String> deviceIds, boolean blocked) {
        locked(() -> {
            if (blocked) {
                exchange.blocked.addAll(deviceIds);
            } else {
                exchange.blocked.removeAll(deviceIds);
            }
        });
        bindAll();
    }

    /// Makes the next generation of a device that is held; it has not begun, and is not the
    /// device's run yet.
    ModuleRun next(KnownDevice device, Driver driver) {
        ModuleRun run;
        lock.lock();
        try {
            run = new ModuleRun(this, device, driver, units.of(driver.prefix(), device.id()));
        } finally {
            lock.unlock();
        }
        supervisor.add(run);
        return run;
    }

    /// Makes a generation the device's own, in place of the one before.
    void swap(ModuleRun next) {
        locked(() -> {
            runs.put(next.deviceId(), next);
            heal.begun(next.deviceId());
            past.forget(next.deviceId());
        });
    }

    /// Waits for something that runs or drivers become.
    ///
    /// @param condition looks, and calls nobody
    /// @return whether it holds
    boolean await(java.util.function.BooleanSupplier condition, Deadline deadline) {
        lock.lock();
        try {
            long left = deadline.remainingNanos();
            while (!condition.getAsBoolean() && left > 0) {
                left = Math.min(changed.awaitNanos(left), deadline.remainingNanos());
            }
            return condition.getAsBoolean();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return condition.getAsBoolean();
        } finally {
            lock.unlock();
        }
    }

    // --- waiting ---------------------------------------------------------------------------------

    /// Waits until those devices that have a driver are in service or have failed.
    ///
    /// @return those that are neither by then
    /// @param described the drivers whose factories are there or are still to come
    List<String> awaitSettled(Predicate<String> which, List<Driver> described, Deadline deadline) {
        lock.lock();
        try {
            List<String> open = unsettled(which, described);
            long left = deadline.remainingNanos();
            while (!open.isEmpty() && left > 0) {
                left = changed.awaitNanos(left);
                open = unsettled(which, described);
            }
            return open;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return unsettled(which, described);
        } finally {
            lock.unlock();
        }
    }

    private List<String> unsettled(Predicate<String> which, List<Driver> described) {
        return devices.values().stream()
                .filter(d -> which.test(d.id()) && !isSettled(d, described))
                .map(KnownDevice::id)
                .toList();
    }

    private boolean isSettled(KnownDevice device, List<Driver> described) {
        ModuleRun run = runs.get(device.id());
        if (run != null) {
            return run.state() == State.RUNNING;
        }
        Driver driver = choice(device);
        return driver == null
                ? !isAwaited(device, described)
                : isTried(device, driver) && !heal.isPausing(device.id());
    }

    /// Whether a driver would match whose factory comes a moment after the device that it needs.
    private boolean isAwaited(KnownDevice device, List<Driver> described) {
        String override = overrides.driver(device.id());
        return device.reservedFor() == null
                && described.stream()
                        .anyMatch(d ->
                                override == null
                                        ? d.score(device.properties()) != Score.NONE
                                        : d.name().equals(override));
    }

    private void locked(Runnable body) {
        lock.lock();
        try {
            body.run();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
