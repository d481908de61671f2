package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.InterruptFaultListener;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.DriverModule;
import helix.modules.api.Event;
import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.service.component.ComponentConstants;
import org.osgi.service.component.ComponentFactory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.util.tracker.ServiceTracker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The binder: sees devices, drivers and the HAL come and go, and has the [Bindings] follow.
///
/// What goes is waited for: when the service registry says that a device, a driver's factory or the
/// HAL is going, the modules that need it have stopped before that call returns, or were fenced.
/// The component runtime may have deactivated a driver's instance by then; the module object is
/// still stopped as usual.
@Component(
        service = {Binder.class, InterruptFaultListener.class},
        immediate = true)
public final class BinderService implements Binder, InterruptFaultListener {
    /// How long a module has to stop when what it needs is going.
    private static final Duration GOING = Duration.ofSeconds(5);

    /// How long a module has to stop when a person wants it to.
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /// How long the platform's end waits for modules to take note of it.
    private static final Duration WORD = Duration.ofSeconds(1);

    private static final Logger LOG = LoggerFactory.getLogger(BinderService.class);

    private final BundleContext context;
    private final ServiceComponentRuntime components;
    private final Supervisor supervisor = new Supervisor();
    private final Bringing bringing;
    private final Bindings bindings;
    private final SynchronousBundleListener shutdown = this::bundleChanged;
    private final ServiceTracker<Object, KnownDevice> devices;
    private final ServiceTracker<ComponentFactory<?>, Driver> drivers;
    private final ServiceTracker<LeaseService, LeaseService> leases;
    private volatile @Nullable LeaseService hal;

    /// Made by the component runtime.
    ///
    /// @param context this bundle's
    /// @param components tells what a driver's component says of itself
    @Activate
    public BinderService(BundleContext context, @Reference ServiceComponentRuntime components) {
        this.context = context;
        this.components = components;
        this.devices = new DeviceTracker();
        this.drivers = new DriverTracker();
        this.leases = new LeaseTracker();
        this.bringing = new Bringing(context, this::leaseService);
        String conf = context.getProperty("helix.conf");
        Overrides overrides = new Overrides(conf == null ? null : Path.of(conf));
        boolean heals = !"off".equals(context.getProperty("helix.heal"));
        this.bindings = new Bindings(bringing, supervisor, overrides, heals, this::coming);
    }

    /// Begins to bind.
    @Activate
    void open() {
        context.addBundleListener(shutdown);
        // The HAL last: nothing is bound without it, so that the first devices get their numbers in
        // the order of their addresses, whatever the order in which the registry gives them.
        devices.open();
        drivers.open();
        leases.open();
    }

    /// Stops all modules.
    @Deactivate
    void close() {
        context.removeBundleListener(shutdown);
        bindings.close();
        stop(_ -> true, GOING);
        leases.close();
        drivers.close();
        devices.close();
        supervisor.close();
    }

    private @Nullable LeaseService leaseService() {
        return hal;
    }

    private void bundleChanged(BundleEvent event) {
        if (event.getType() == BundleEvent.STOPPING
                && event.getBundle().getBundleId() == Constants.SYSTEM_BUNDLE_ID) {
            bindings.close();
            CompletableFuture<?>[] told =
                    bindings.runs(_ -> true).stream()
                            .map(r -> r.tell(new Event.Shutdown()))
                            .toArray(CompletableFuture[]::new);
            try {
                CompletableFuture.allOf(told).get(WORD.toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (ExecutionException | TimeoutException e) {
                LOG.warn("not all modules have heard in time that the platform ends");
            }
        }
    }

    /// Ends runs side by side and waits for all of them.
    private void stop(Predicate<ModuleRun> which, Duration within) {
        List<ModuleRun> runs = bindings.runs(which);
        runs.forEach(r -> r.requestEnd(r.going(within)));
        Deadline deadline = Deadline.after(within);
        // A generation that is being exchanged may have a successor by then.
        bindings.awaitFree(runs.stream().map(ModuleRun::deviceId).toList(), deadline);
        runs = bindings.runs(which);
        runs.forEach(r -> r.requestEnd(r.going(within)));
        runs.forEach(r -> r.stop(r.going(within), Duration.ofNanos(deadline.remainingNanos())));
    }

    private static org.osgi.framework.Filter filter(String text) {
        try {
            return FrameworkUtil.createFilter(text);
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    // --- what comes and goes ---------------------------------------------------------------------

    private final class DeviceTracker extends ServiceTracker<Object, KnownDevice> {
        DeviceTracker() {
            super(
                    BinderService.this.context,
                    filter("(&(" + Device.ID + "=*)(" + Device.BUS + "=*))"),
                    null);
        }

        @Override
        public @Nullable KnownDevice addingService(ServiceReference<Object> reference) {
            if (!(context.getService(reference) instanceof Device device)) {
                context.ungetService(reference);
                return null;
            }
            KnownDevice known = KnownDevice.of(reference, device);
            bindings.add(known);
            return known;
        }

        @Override
        public void modifiedService(ServiceReference<Object> reference, KnownDevice known) {
            bindings.replace(KnownDevice.of(reference, known.device()));
        }

        @Override
        public void removedService(ServiceReference<Object> reference, KnownDevice known) {
            bindings.remove(known);
            stop(r -> r.deviceService() == known.serviceId(), GOING);
            context.ungetService(reference);
        }
    }

    private final class DriverTracker extends ServiceTracker<ComponentFactory<?>, Driver> {
        DriverTracker() {
            super(
                    BinderService.this.context,
                    filter(
                            "(&(objectClass=%s)(%s=%s))"
                                    .formatted(
                                            ComponentFactory.class.getName(),
                                            ComponentConstants.COMPONENT_FACTORY,
                                            DriverModule.FACTORY)),
                    null);
        }

        @Override
        public @Nullable Driver addingService(ServiceReference<ComponentFactory<?>> reference) {
            try {
                Driver driver = Driver.of(reference, components);
                bindings.add(driver);
                return driver;
            } catch (IllegalArgumentException e) {
                LOG.warn("bundle {}: {}", reference.getBundle(), e.getMessage());
                return null;
            }
        }

        @Override
        public void modifiedService(
                ServiceReference<ComponentFactory<?>> reference, Driver driver) {
            // A factory's properties do not change.
        }

        @Override
        public void removedService(ServiceReference<ComponentFactory<?>> reference, Driver driver) {
            bindings.remove(driver);
            stop(r -> r.factory() == driver.serviceId(), GOING);
            bringing.forget(driver.bundle());
        }
    }

    private final class LeaseTracker extends ServiceTracker<LeaseService, LeaseService> {
        LeaseTracker() {
            super(BinderService.this.context, LeaseService.class, null);
        }

        @Override
        public LeaseService addingService(ServiceReference<LeaseService> reference) {
            LeaseService service = super.addingService(reference);
            hal = service;
            bindings.halCame();
            return service;
        }

        @Override
        public void removedService(ServiceReference<LeaseService> reference, LeaseService service) {
            bindings.halGoes();
            stop(_ -> true, GOING);
            hal = null;
            bringing.forgetEpochs();
            super.removedService(reference, service);
        }
    }

    // --- faults of interrupt handlers ------------------------------------------------------------

    @Override
    public void handlerFailed(Lease lease, int vector, Throwable cause) {
        fail(lease, "interrupt %d: %s".formatted(vector, Reason.of(cause)), cause);
    }

    @Override
    public void stormMasked(Lease lease, int vector, String reason) {
        String why = "interrupt %d: %s".formatted(vector, reason);
        fail(lease, why, new ModuleError(why));
    }

    @Override
    public void handlerStuck(Lease lease, int vector, Duration since) {
        String why = "interrupt %d: handler stuck for %d ms".formatted(vector, since.toMillis());
        ModuleRun run = holder(lease);
        if (run != null) {
            run.hang(why, Threads.find("irq " + lease.owner()));
        }
    }

    private void fail(Lease lease, String why, Throwable cause) {
        ModuleRun run = holder(lease);
        if (run != null) {
            run.fail(why, cause);
        }
    }

    private @Nullable ModuleRun holder(Lease lease) {
        ModuleRun run = bindings.run(lease.device().id());
        return run != null && run.status().generation() == lease.epoch() ? run : null;
    }

    // --- what is asked of it ---------------------------------------------------------------------

    @Override
    public List<DriverStatus> drivers() {
        return bindings.driverStatus(described());
    }

    private List<Driver> described() {
        return bindings.shown(Driver.all(context, components));
    }

    /// The drivers that can be used as soon as the component runtime has registered their
    /// factories.
    private List<Driver> coming() {
        return described().stream()
                .filter(d -> d.bundle().getState() == Bundle.ACTIVE)
                .filter(d ->
                        d.needs().stream()
                                .allMatch(n -> context.getServiceReference(n.type()) != null))
                .toList();
    }

    Bringing bringing() {
        return bringing;
    }

    Bindings bindings() {
        return bindings;
    }

    /// All drivers, also those whose factories are not there and those that are being prepared.
    List<Driver> installed() {
        return Driver.all(context, components);
    }

    @Override
    public List<ModuleStatus> modules() {
        return bindings.moduleStatus();
    }

    @Override
    public List<ModuleHealth> health() {
        return bindings.health();
    }

    @Override
    public List<Rule> why(String deviceId) {
        return new Explanation(bindings, bringing, leaseService()).of(deviceId(deviceId));
    }

    @Override
    public void bind(String deviceId, String driver) {
        String id = deviceId(deviceId);
        Driver wanted = bindings.driver(driver);
        if (wanted == null) {
            List<String> names = drivers().stream().map(DriverStatus::name).toList();
            throw new IllegalArgumentException(
                    "no driver '%s' (there are: %s)".formatted(driver, String.join(", ", names)));
        }
        KnownDevice device = bindings.device(id);
        if (device != null && device.reservedFor() != null) {
            throw new ModuleError(id + " is reserved by the platform: " + device.reservedFor());
        }
        bindings.override(id, driver);
        ModuleRun run = bindings.run(id);
        if (run == null || !run.driverName().equals(driver) || run.isEnding()) {
            restart(id);
        } else {
            awaitService(id); // it serves, or has just begun because of the override
        }
    }

    @Override
    public void unbind(String deviceId) {
        String id = deviceId(deviceId);
        bindings.override(id, Overrides.UNBOUND);
        stop(r -> r.deviceId().equals(id), PATIENCE);
    }

    @Override
    public void rebind(String deviceId) {
        String id = deviceId(deviceId);
        bindings.override(id, null);
        restart(id);
    }

    /// Ends the run of a device if there is one, begins the next, and waits until that serves.
    private void restart(String id) {
        stop(r -> r.deviceId().equals(id), PATIENCE);
        bindings.retry(id);
        awaitService(id);
    }

    private void awaitService(String id) {
        bindings.awaitSettled(d -> d.equals(id), described(), Deadline.after(PATIENCE));
        ModuleStatus status =
                module(id).orElseThrow(() -> new ModuleError("no driver matches " + id));
        if (status.state() != State.RUNNING) {
            String why = status.reason().isEmpty() ? "" : ": " + status.reason();
            throw new ModuleError(status.name() + " is " + status.state() + why);
        }
        ModuleRun run = bindings.run(id);
        if (run != null) { // who asked for a bus driver expects what is behind it
            List<String> children = run.children();
            var _ =
                    bindings.awaitSettled(
                            children::contains, described(), Deadline.after(PATIENCE));
        }
    }

    @Override
    public Object request(String deviceId, Request request) {
        String id = deviceId(deviceId);
        bindings.awaitFree(List.of(id), Deadline.after(PATIENCE));
        ModuleRun run = bindings.run(id);
        if (run == null) {
            throw new ModuleError(
                    module(id)
                            .map(m -> m.name() + " is " + m.state() + because(m.reason()))
                            .orElse("no driver is bound to " + id));
        }
        return run.request(request);
    }

    private static String because(String reason) {
        return reason.isEmpty() ? "" : ": " + reason;
    }

    @Override
    public List<String> awaitSettled(Deadline deadline) {
        return bindings.awaitSettled(_ -> true, described(), deadline);
    }

    /// The id of a device that is meant by its id or its module's name.
    private String deviceId(String given) {
        if (bindings.device(given) != null) {
            return given;
        }
        return module(given)
                .map(ModuleStatus::deviceId)
                .orElseThrow(() -> new IllegalArgumentException(unknown(given)));
    }

    private String unknown(String given) {
        List<String> known = new ArrayList<>(bindings.deviceIds());
        return "no device '%s' (there are %s)"
                .formatted(given, known.isEmpty() ? "none" : String.join(", ", known));
    }
}
