package helix.hal.qemu;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.FailedMachine;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.Machine.Status;
import helix.hal.api.machine.MachineControl;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Starts QEMU where the framework's properties ask for it, and publishes the machine: the working
/// one, or a failed one with its reason.
///
/// The start takes a few hundred milliseconds and happens on a thread of its own, beside the start
/// of other bundles.
@Component(
        immediate = true,
        service = {})
public final class QemuComponent {
    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    private static final long SCRATCH_SIZE = 256L << 20;
    private static final Logger LOG = LoggerFactory.getLogger(QemuComponent.class);

    private final BundleContext context;
    private final List<ServiceRegistration<?>> registrations = new ArrayList<>();
    private final @Nullable Thread starter;
    private @Nullable QemuMachine machine;
    private volatile boolean stopped;

    /// Begins to start the machine.
    ///
    /// @param context where its settings are and its services go
    @Activate
    public QemuComponent(BundleContext context) {
        this.context = context;
        starter =
                QemuMachine.NAME.equals(context.getProperty("helix.machine"))
                        ? Thread.ofPlatform().daemon().name("helix-qemu-start").start(this::start)
                        : null;
    }

    private void start() {
        QemuMachine started = null;
        Machine published;
        try {
            started = QemuMachine.start(settings());
            published = started;
        } catch (RuntimeException e) {
            String detail = oneLine(e);
            LOG.error("machine {} does not start: {}", QemuMachine.NAME, detail);
            LOG.debug("machine {} does not start", QemuMachine.NAME, e);
            published = new FailedMachine(QemuMachine.NAME, new Status(State.FAILED, detail));
        }
        if (!stopped) {
            machine = started;
            publish(published, started);
        } else if (started != null) {
            started.close();
        }
    }

    private static String oneLine(RuntimeException e) {
        String message =
                e instanceof DeviceException ? String.valueOf(e.getMessage()) : e.toString();
        return message.lines().findFirst().orElse("unknown reason");
    }

    private void publish(Machine published, @Nullable QemuMachine started) {
        var properties = FrameworkUtil.asDictionary(Map.of("helix.machine", published.name()));
        if (started != null) {
            registrations.add(
                    context.registerService(MachineControl.class, started.control(), properties));
        }
        ServiceRegistration<Machine> registration =
                context.registerService(Machine.class, published, properties);
        registrations.add(registration);
        // Listeners publish its devices within that call; now others may count on them.
        registration.setProperties(
                FrameworkUtil.asDictionary(
                        Map.of("helix.machine", published.name(), Machine.ANNOUNCED, true)));
    }

    private QemuMachine.Settings settings() {
        String profile = context.getProperty("helix.profile");
        List<String> disks = lines("helix.disks");
        return new QemuMachine.Settings(
                profile == null ? MachineProfile.standard() : MachineProfile.read(Path.of(profile)),
                disks.isEmpty()
                        ? List.of(DiskSpec.scratch(instance().resolve("scratch.img"), SCRATCH_SIZE))
                        : disks.stream().map(DiskSpec::parseDrive).toList(),
                lines("helix.qemu.args"));
    }

    private Path instance() {
        String instance = context.getProperty("helix.instance");
        return Path.of(instance == null ? ".helix" : instance);
    }

    private List<String> lines(String property) {
        String value = context.getProperty(property);
        return value == null ? List.of() : value.lines().filter(line -> !line.isEmpty()).toList();
    }

    /// Takes the services away, so that the HAL lets all devices go in order, and then ends QEMU.
    @Deactivate
    public void stop() {
        stopped = true;
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
                    LOG.error("machine {} still starts after {}", QemuMachine.NAME, START_LIMIT);
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
