package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Attaches and detaches sockets, by hand and by configuration. The machine comes into being with
/// the first back-end that answers; before that there is no memory, no thread and no bus.
@Component(
        immediate = true,
        configurationPid = "helix.hal.vhostuser",
        service = {MachineControl.class, VhostUserHub.class},
        property = {"helix.machine=" + VhostUserMachine.NAME, "service.ranking:Integer=-1"})
public final class VhostUserHub implements MachineControl, Attachment.Slots {
    private static final Logger LOG = LoggerFactory.getLogger(VhostUserHub.class);
    private static final Duration PLUG_LIMIT = Duration.ofSeconds(4);
    private static final Duration DEVICE_LIMIT = Duration.ofSeconds(10);
    private static final long MEBI = 1 << 20;
    private static final List<Choice> KINDS =
            List.of(
                    new Choice("blk", "a block device: path=SOCKET [id=NAME] [queue-size=N]"),
                    new Choice(
                            "net",
                            "a network device: path=SOCKET [id=NAME] [mac=XX:XX:XX:XX:XX:XX]"
                                    + " [queue-size=N]"));

    /// Settings, in `conf/helix.hal.vhostuser.cfg`.
    @interface Settings {
        /// The memory that back-ends share, in MiB. It is taken page by page, when it is used.
        ///
        /// @return a size
        int memory_mib() default 256;
    }

    private final BundleContext context;
    private final long memory;

    // Guarded by this, never while the framework is called.
    private final Map<String, Attachment> attachments = new TreeMap<>();
    private @Nullable VhostUserMachine machine;
    private @Nullable Thread announcer;
    private boolean stopped;
    private int nextId;

    private volatile @Nullable ServiceRegistration<Machine> registration;

    /// Begins with nothing attached.
    ///
    /// @param context where the machine is published
    /// @param settings its settings
    @Activate
    public VhostUserHub(BundleContext context, Settings settings) {
        this.context = context;
        this.memory = Math.clamp(settings.memory_mib(), 1, 65536) * MEBI;
    }

    /// Attaches a socket whose back-end may come later.
    ///
    /// @param kind `blk` or `net`
    /// @param settings as for [#plug]
    /// @return the id
    /// @throws DeviceException if a setting is wrong
    String attach(String kind, Map<String, String> settings) {
        return open(kind, settings).id();
    }

    private synchronized Attachment open(String kind, Map<String, String> settings) {
        String id = settings.getOrDefault("id", "vu" + nextId);
        AttachOptions options = AttachOptions.of(id, kind, settings);
        if (stopped) {
            throw new DeviceException("machine " + VhostUserMachine.NAME + " is stopping");
        }
        if (attachments.containsKey(id)) {
            throw new DeviceException("'" + id + "' is attached already");
        }
        for (Attachment other : attachments.values()) {
            if (other.path().equals(options.path())) {
                throw new DeviceException(
                        "%s is attached already, as %s".formatted(options.path(), other.id()));
            }
        }
        nextId += settings.containsKey("id") ? 0 : 1;
        Attachment attachment = new Attachment(options, this, Attachment.Limits.STANDARD);
        attachments.put(id, attachment);
        return attachment.open();
    }

    /// Detaches, whether or not the back-end confirms that it has stopped.
    ///
    /// @param id what [#attach] gave
    void detach(String id) {
        Attachment attachment;
        synchronized (this) {
            attachment = attachments.remove(id);
        }
        if (attachment != null) {
            try {
                attachment.quiet();
            } catch (DeviceException e) {
                LOG.warn("{}", e.getMessage());
            }
            attachment.close();
        }
    }

    @Override
    public synchronized VhostUserMachine hardware() {
        if (machine == null) {
            machine = new VhostUserMachine(memory);
        }
        return machine;
    }

    /// The machine is published on a thread of its own: its devices' drivers are started within
    /// that call, and they need the attachment's thread.
    @Override
    public synchronized void functionPlugged() {
        if (announcer == null && !stopped) {
            VhostUserMachine announced = hardware();
            announcer =
                    Thread.ofPlatform()
                            .daemon()
                            .name("helix-vhostuser-start")
                            .start(() -> announce(announced));
        }
    }

    private void announce(VhostUserMachine announced) {
        Map<String, Object> properties = new HashMap<>();
        properties.put("helix.machine", VhostUserMachine.NAME);
        // Who asks for any machine means the computer, where there is one.
        properties.put(Constants.SERVICE_RANKING, -1);
        try {
            ServiceRegistration<Machine> made =
                    context.registerService(
                            Machine.class, announced, FrameworkUtil.asDictionary(properties));
            registration = made;
            properties.put(Machine.ANNOUNCED, true);
            made.setProperties(FrameworkUtil.asDictionary(properties));
        } catch (IllegalStateException e) {
            LOG.debug("machine {} was stopped meanwhile", VhostUserMachine.NAME, e);
        }
    }

    @Override
    public String machine() {
        return VhostUserMachine.NAME;
    }

    @Override
    public List<Choice> pluggable() {
        return KINDS;
    }

    @Override
    public synchronized List<String> plugged() {
        return List.copyOf(attachments.keySet());
    }

    /// Attaches a socket whose back-end has to be there.
    @Override
    public String plug(String kind, Map<String, String> options) {
        Attachment attachment = open(kind, options);
        if (!attachment.awaitFunction(Deadline.after(PLUG_LIMIT))) {
            String trouble = attachment.trouble();
            detach(attachment.id());
            throw new DeviceException(
                    "%s cannot be attached: %s".formatted(attachment.path(), trouble));
        }
        awaitDevice(attachment.deviceNumber());
        return attachment.id();
    }

    @Override
    public Optional<String> device(String plugged) {
        Attachment attachment;
        synchronized (this) {
            attachment = attachments.get(plugged);
        }
        if (attachment == null || attachment.function() == null) {
            return Optional.empty();
        }
        return devices(attachment.deviceNumber()).stream()
                .map(d -> d.getProperty(Device.ID))
                .filter(String.class::isInstance)
                .map(String.class::cast)
                .findFirst();
    }

    /// So that whoever looks next sees the device.
    private void awaitDevice(int number) {
        Deadline deadline = Deadline.after(DEVICE_LIMIT);
        while (devices(number).isEmpty() && !deadline.isExpired()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    /// So that whoever looks next sees it no more: a service that is not found any more is still
    /// being taken from those who use it.
    private static void awaitEnd(Collection<ServiceReference<Device>> devices) {
        Deadline deadline = Deadline.after(DEVICE_LIMIT);
        while (devices.stream().anyMatch(d -> d.getBundle() != null) && !deadline.isExpired()) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private Collection<ServiceReference<Device>> devices(int number) {
        String filter =
                "(&(%s=%s)(pci.address=*:00:%02x.0))"
                        .formatted(Device.MACHINE, VhostUserMachine.NAME, number);
        try {
            return context.getServiceReferences(Device.class, filter);
        } catch (InvalidSyntaxException e) {
            throw new AssertionError(filter, e);
        }
    }

    /// Detaches by id or by socket.
    @Override
    public void unplug(String id) {
        Attachment attachment;
        synchronized (this) {
            attachment =
                    attachments.values().stream()
                            .filter(a -> a.id().equals(id) || a.path().toString().equals(id))
                            .min(Comparator.comparing(Attachment::id))
                            .orElseThrow(() -> new DeviceException("'" + id + "' is not attached"));
        }
        Collection<ServiceReference<Device>> devices = devices(attachment.deviceNumber());
        attachment.quiet();
        synchronized (this) {
            attachments.remove(attachment.id());
        }
        attachment.close();
        awaitEnd(devices);
    }

    @Override
    public List<Choice> faults() {
        return List.of();
    }

    @Override
    public String fault(String name, Map<String, String> options) {
        throw new DeviceException(
                "machine %s can produce no fault '%s': end or stop a back-end instead"
                        .formatted(VhostUserMachine.NAME, name));
    }

    /// Takes the machine away, so that the HAL lets all devices go in order, then ends the
    /// connections, then the memory.
    @Deactivate
    public void stop() {
        List<Attachment> open;
        Thread announcing;
        synchronized (this) {
            stopped = true;
            open = List.copyOf(attachments.values());
            attachments.clear();
            announcing = announcer;
        }
        if (announcing != null) {
            awaitEnd(announcing);
        }
        ServiceRegistration<Machine> published = registration;
        if (published != null) {
            published.unregister();
        }
        open.forEach(Attachment::close);
        synchronized (this) {
            if (machine != null) {
                machine.close();
                machine = null;
            }
        }
    }

    private static void awaitEnd(Thread thread) {
        boolean interrupted = false;
        Deadline deadline = Deadline.after(Duration.ofSeconds(30));
        while (thread.isAlive() && !deadline.isExpired()) {
            try {
                boolean _ = thread.join(Duration.ofMillis(Math.max(1, deadline.remainingMillis())));
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
