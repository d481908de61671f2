package helix.hal.sim;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.FailedMachine;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.Machine.Status;
import helix.hal.api.machine.MachineControl;
import helix.hal.sim.api.ModelFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Builds the embedded machine where the framework's properties ask for it, and publishes it: the
/// working one, or a failed one with its reason.
///
/// The kinds that the profile names may come from other bundles, so they are waited for on a thread
/// of its own, beside the start of these.
@Component(
        immediate = true,
        service = {})
public final class SimComponent {
    private static final Duration KINDS_LIMIT = Duration.ofSeconds(10);
    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    private static final Logger LOG = LoggerFactory.getLogger(SimComponent.class);

    private final BundleContext context;
    private final List<ModelFactory> factories = new CopyOnWriteArrayList<>();
    private final Object changed = new Object();
    private final List<ServiceRegistration<?>> registrations = new ArrayList<>();
    private @Nullable Thread starter;
    private @Nullable SimMachine machine;
    private volatile boolean stopped;

    /// Keeps where its settings are and its services go.
    ///
    /// @param context the bundle's
    @Activate
    public SimComponent(BundleContext context) {
        this.context = context;
    }

    /// Begins to build the machine: after the first factories were added.
    @Activate
    void start() {
        if (SimMachine.NAME.equals(context.getProperty("helix.machine"))) {
            starter = Thread.ofPlatform().daemon().name("helix-sim-start").start(this::run);
        }
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addFactory(ModelFactory factory) {
        factories.add(factory);
        synchronized (changed) {
            changed.notifyAll();
        }
    }

    void removeFactory(ModelFactory factory) {
        factories.remove(factory);
    }

    private void run() {
        SimMachine built = null;
        Machine published;
        try {
            built = build(profile());
            published = built;
        } catch (RuntimeException e) {
            String detail = oneLine(e);
            LOG.error("machine {} does not start: {}", SimMachine.NAME, detail);
            LOG.debug("machine {} does not start", SimMachine.NAME, e);
            published = new FailedMachine(SimMachine.NAME, new Status(State.FAILED, detail));
        }
        if (!stopped) {
            machine = built;
            publish(published, built);
        } else if (built != null) {
            built.close();
        }
    }

    private SimProfile profile() {
        String given = context.getProperty("helix.profile");
        List<String> disks = disks();
        return SimProfile.parse(
                given == null ? "default" : given,
                given == null ? SimProfile.standard() : SimProfile.read(Path.of(given)),
                disks.isEmpty()
                        ? List.of(SimProfile.scratch(instance().resolve("scratch.img")))
                        : disks);
    }

    private SimMachine build(SimProfile profile) {
        awaitKinds(profile.kinds());
        SimMachine.Builder builder =
                SimMachine.builder()
                        .seed(profile.seed())
                        .memory(profile.memory())
                        .rootPorts(profile.ports())
                        .factories(() -> factories);
        for (SimProfile.Device device : profile.devices()) {
            builder.plug(device.kind(), device.id(), device.slot(), device.options());
        }
        return builder.build();
    }

    private void awaitKinds(Set<String> wanted) {
        Deadline deadline = Deadline.after(KINDS_LIMIT);
        synchronized (changed) {
            while (!stopped) {
                Set<String> missing = new TreeSet<>(wanted);
                factories.forEach(f -> missing.remove(f.kind()));
                if (missing.isEmpty()) {
                    return;
                }
                if (deadline.isExpired()) {
                    throw new DeviceException("no bundle offers devices of kind " + missing);
                }
                try {
                    changed.wait(Math.max(1, deadline.remainingMillis()));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new DeviceException("interrupted while it started", e);
                }
            }
        }
    }

    private static String oneLine(RuntimeException e) {
        String message =
                e instanceof DeviceException ? String.valueOf(e.getMessage()) : e.toString();
        return message.lines().findFirst().orElse("unknown reason");
    }

    private void publish(Machine published, @Nullable SimMachine built) {
        var properties = FrameworkUtil.asDictionary(Map.of("helix.machine", published.name()));
        if (built != null) {
            registrations.add(
                    context.registerService(MachineControl.class, built.control(), properties));
        }
        ServiceRegistration<Machine> registration =
                context.registerService(Machine.class, published, properties);
        registrations.add(registration);
        // Listeners publish its devices within that call; now others may count on them.
        registration.setProperties(
                FrameworkUtil.asDictionary(
                        Map.of("helix.machine", published.name(), Machine.ANNOUNCED, true)));
    }

    private Path instance() {
        String instance = context.getProperty("helix.instance");
        return Path.of(instance == null ? ".helix" : instance);
    }

    private List<String> disks() {
        String value = context.getProperty("helix.disks");
        return value == null ? List.of() : value.lines().filter(line -> !line.isEmpty()).toList();
    }

    /// Takes the services away, so that the HAL lets all devices go in order, and then switches the
    /// machine off.
    @Deactivate
    public void stop() {
        stopped = true;
        synchronized (changed) {
            changed.notifyAll();
        }
        if (starter == null || !awaitEnd(starter)) {
            return;
        }
        // The starter has ended: what it left is complete.
        registrations.reversed().forEach(ServiceRegistration::unregister);
        if (machine != null) {
            machine.close();
        }
    }

    private static boolean awaitEnd(Thread starter) {
        boolean interrupted = false;
        Deadline deadline = Deadline.after(START_LIMIT);
        try {
            while (starter.isAlive()) {
                if (deadline.isExpired()) {
                    LOG.error("machine {} still starts after {}", SimMachine.NAME, START_LIMIT);
                    return false;
                }
                try {
                    boolean _ = starter.join(Duration.ofNanos(deadline.remainingNanos()));
                } catch (InterruptedException _) {
                    // A machine left running would be worse than a late interrupt.
                    interrupted = true;
                }
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
