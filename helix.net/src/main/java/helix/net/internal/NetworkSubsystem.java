package helix.net.internal;

import helix.driver.api.net.NetworkDevice;
import helix.hal.api.Device;
import helix.hal.api.DevicePresence;
import helix.modules.api.reload.ReloadParticipant;
import helix.net.api.NetworkInterface;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.util.tracker.ServiceTracker;
import org.osgi.util.tracker.ServiceTrackerCustomizer;

/// Publishes a [NetworkInterface] for each hardware address that drivers have published a
/// [NetworkDevice] for.
@Component(
        service = {},
        immediate = true)
public final class NetworkSubsystem {
    /// Devices on any bus; network devices carry their device's id too.
    private static final String DEVICES =
            "(&("
                    + Device.ID
                    + "=*)(!("
                    + Constants.OBJECTCLASS
                    + "="
                    + NetworkDevice.class.getName()
                    + "))("
                    + Device.BUS
                    + "=*))";

    /// Framework property: for how many seconds who opens an interface waits for a driver.
    private static final String PARK_SECONDS = "helix.net.parkSeconds";

    /// Framework property: the instance's folder of settings.
    private static final String CONF = "helix.conf";

    private static final Duration PARK = Duration.ofSeconds(30);

    private final BundleContext context;
    private final InterfaceTable table;
    private final Map<Object, NetBackend> backends = new HashMap<>();
    private final List<ServiceRegistration<NetworkInterface>> registrations = new ArrayList<>();
    private final ServiceRegistration<ReloadParticipant> participant;
    private final ServiceTracker<Object, Device> devices;

    /// Begins to watch devices, so that they are known before the network devices behind them.
    ///
    /// @param context where interfaces are published
    @Activate
    public NetworkSubsystem(BundleContext context) {
        this.context = context;
        String conf = context.getProperty(CONF);
        InterfaceNames names = new InterfaceNames(conf == null ? null : Path.of(conf));
        Duration park = parkTime(context.getProperty(PARK_SECONDS));
        table = new InterfaceTable(this::publish, names, park);
        participant = context.registerService(ReloadParticipant.class, new NetReload(table), null);
        try {
            devices =
                    new ServiceTracker<>(
                            context, FrameworkUtil.createFilter(DEVICES), new DeviceWatch());
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(DEVICES, e);
        }
        devices.open();
    }

    private static Duration parkTime(@Nullable String seconds) {
        if (seconds == null) {
            return PARK;
        }
        try {
            return Duration.ofSeconds(Math.max(0, Long.parseLong(seconds.strip())));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(PARK_SECONDS + "=" + seconds, e);
        }
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addNetworkDevice(NetworkDevice device, Map<String, Object> properties) {
        NetBackend backend = new NetBackend(device, properties);
        synchronized (backends) {
            backends.put(properties.get(Constants.SERVICE_ID), backend);
        }
        table.added(backend);
    }

    void removeNetworkDevice(NetworkDevice device, Map<String, Object> properties) {
        NetBackend backend;
        synchronized (backends) {
            backend = backends.remove(properties.get(Constants.SERVICE_ID));
        }
        if (backend != null) {
            table.removed(backend);
        }
    }

    private void publish(StableInterface face) {
        Map<String, Object> properties =
                Map.of(
                        NetworkInterface.NAME, face.name(),
                        NetworkDevice.IDENTITY, face.identity());
        ServiceRegistration<NetworkInterface> registration =
                context.registerService(
                        NetworkInterface.class, face, FrameworkUtil.asDictionary(properties));
        synchronized (registrations) {
            registrations.add(registration);
        }
    }

    @Deactivate
    void deactivate() {
        List<ServiceRegistration<NetworkInterface>> published;
        synchronized (registrations) {
            published = List.copyOf(registrations);
            registrations.clear();
        }
        participant.unregister();
        published.forEach(ServiceRegistration::unregister);
        table.close();
        devices.close();
    }

    /// Tells the table which devices there are, with or without a bus driver's service.
    private final class DeviceWatch implements ServiceTrackerCustomizer<Object, Device> {
        private final DevicePresence presence =
                new DevicePresence(table::deviceAdded, table::deviceRemoved);

        @Override
        public @Nullable Device addingService(ServiceReference<Object> reference) {
            if (context.getService(reference) instanceof Device device) {
                presence.added(device);
                return device;
            }
            context.ungetService(reference);
            return null;
        }

        @Override
        public void modifiedService(ServiceReference<Object> reference, Device device) {
            // A device's id does not change.
        }

        @Override
        public void removedService(ServiceReference<Object> reference, Device device) {
            presence.withdrawn(device);
            context.ungetService(reference);
        }
    }
}
