package helix.hal.internal;

import helix.hal.api.Device;
import helix.hal.api.PciDevice;
import helix.hal.api.PlatformDevice;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.device.PlatformHardware;
import helix.hal.internal.pci.PciFunction;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A machine's devices as OSGi services.
final class Publications {
    private static final Logger LOG = LoggerFactory.getLogger(Publications.class);

    private final BundleContext bundles;

    /// In the order of publication; guarded by itself, never while the framework is called.
    private final Map<HalDevice, ServiceRegistration<?>> registrations = new LinkedHashMap<>();

    Publications(BundleContext bundles) {
        this.bundles = bundles;
    }

    /// The published devices, in the order in which they were: platform devices, then PCI by
    /// address, then what was plugged in.
    List<HalDevice> devices() {
        synchronized (registrations) {
            return List.copyOf(registrations.keySet());
        }
    }

    void publish(HalDevice device) {
        Class<? extends Device> type =
                device instanceof PciFunction ? PciDevice.class : PlatformDevice.class;
        String[] types = {Device.class.getName(), type.getName()};
        ServiceRegistration<?> registration =
                bundles.registerService(
                        types, device, FrameworkUtil.asDictionary(properties(device)));
        synchronized (registrations) {
            registrations.put(device, registration);
        }
    }

    void withdraw(HalDevice device) {
        ServiceRegistration<?> registration;
        synchronized (registrations) {
            registration = registrations.remove(device);
        }
        if (registration != null) {
            try {
                registration.unregister();
            } catch (IllegalStateException e) {
                LOG.debug("{} was withdrawn with the bundle", device.id(), e);
            }
        }
    }

    private static Map<String, Object> properties(HalDevice device) {
        Map<String, Object> properties = new HashMap<>();
        properties.put(Device.ID, device.id());
        properties.put(Device.BUS, device.bus());
        properties.put(Device.MACHINE, device.machine());
        properties.put(Device.NUMA, -1);
        device.reservation().ifPresent(use -> properties.put(Device.RESERVED, use));
        switch (device) {
            case PciFunction f -> {
                properties.put(PciDevice.VENDOR, hex(f.vendorId(), 4));
                properties.put(PciDevice.DEVICE, hex(f.deviceId(), 4));
                properties.put(PciDevice.SUBSYSTEM_VENDOR, hex(f.subsystemVendorId(), 4));
                properties.put(PciDevice.SUBSYSTEM, hex(f.subsystemId(), 4));
                properties.put(PciDevice.CLASS, hex(f.classCode(), 6));
                properties.put(PciDevice.REVISION, hex(f.revisionId(), 2));
                properties.put(PciDevice.ADDRESS, f.address().toString());
            }
            case PlatformHardware p -> properties.put(PlatformDevice.PNP, p.pnpId());
            default -> throw new IllegalArgumentException("no such kind of device: " + device);
        }
        return properties;
    }

    private static String hex(int value, int digits) {
        return String.format("%0" + digits + "x", value);
    }
}
