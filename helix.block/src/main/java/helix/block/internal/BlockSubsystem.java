package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.hal.api.Device;
import helix.hal.api.DevicePresence;
import helix.modules.api.reload.ReloadParticipant;
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

/// Publishes a [Disk] for each medium that drivers have published a [BlockDevice] for.
@Component(
        service = {},
        immediate = true)
public final class BlockSubsystem {
    /// Devices on any bus; block devices carry their device's id too.
    private static final String DEVICES =
            "(&("
                    + Device.ID
                    + "=*)(!("
                    + Constants.OBJECTCLASS
                    + "="
                    + BlockDevice.class.getName()
                    + "))("
                    + Device.BUS
                    + "=*))";

    /// Framework property: for how many seconds requests wait for a driver.
    private static final String PARK_SECONDS = "helix.block.parkSeconds";

    private static final Duration PARK = Duration.ofSeconds(30);

    private final BundleContext context;
    private final DiskTable table;
    private final Map<Object, Backend> backends = new HashMap<>();
    private final List<ServiceRegistration<Disk>> registrations = new ArrayList<>();
    private final ServiceRegistration<ReloadParticipant> participant;
    private final ServiceTracker<Object, Device> devices;

    /// Begins to watch devices, so that they are known before the block devices behind them.
    ///
    /// @param context where disks are published
    @Activate
    public BlockSubsystem(BundleContext context) {
        this.context = context;
        table = new DiskTable(this::publish, parkTime(context.getProperty(PARK_SECONDS)));
        participant =
                context.registerService(ReloadParticipant.class, new BlockReload(table), null);
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
    void addBlockDevice(BlockDevice device, Map<String, Object> properties) {
        Backend backend = new Backend(device, properties);
        synchronized (backends) {
            backends.put(properties.get(Constants.SERVICE_ID), backend);
        }
        table.added(backend);
    }

    void removeBlockDevice(BlockDevice device, Map<String, Object> properties) {
        Backend backend;
        synchronized (backends) {
            backend = backends.remove(properties.get(Constants.SERVICE_ID));
        }
        if (backend != null) {
            table.removed(backend);
        }
    }

    private void publish(StableDisk disk) {
        Map<String, Object> properties =
                Map.of(
                        Disk.NAME, disk.name(),
                        BlockDevice.IDENTITY, disk.identity().key());
        ServiceRegistration<Disk> registration =
                context.registerService(Disk.class, disk, FrameworkUtil.asDictionary(properties));
        synchronized (registrations) {
            registrations.add(registration);
        }
    }

    @Deactivate
    void deactivate() {
        List<ServiceRegistration<Disk>> published;
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
