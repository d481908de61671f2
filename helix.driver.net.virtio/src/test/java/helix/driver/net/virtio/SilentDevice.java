package helix.driver.net.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.virtio.VirtioTransport;
import java.lang.foreign.Arena;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/// A device whose doorbells are plain memory, as a mapped one's: writing to them costs what it
/// costs there, and nothing happens.
record SilentDevice(VirtioDevice device) implements VirtioDevice {
    @Override
    public int deviceId() {
        return device.deviceId();
    }

    @Override
    public Lease parent() {
        return device.parent();
    }

    @Override
    public boolean reset(Deadline deadline) {
        return device.reset(deadline);
    }

    @Override
    public String id() {
        return device.id();
    }

    @Override
    public String bus() {
        return device.bus();
    }

    @Override
    public String machine() {
        return device.machine();
    }

    @Override
    public boolean isPresent() {
        return device.isPresent();
    }

    @Override
    public VirtioTransport open(Lease lease) {
        VirtioTransport real = device.open(lease);
        MmioRegion doorbell = MmioRegion.ofMapped("doorbell", lease, Arena.ofAuto().allocate(8, 8));
        return (VirtioTransport)
                Proxy.newProxyInstance(
                        VirtioTransport.class.getClassLoader(),
                        new Class<?>[] {VirtioTransport.class},
                        (_, method, arguments) -> {
                            if (method.getName().equals("doorbell")) {
                                return doorbell;
                            }
                            try {
                                return method.invoke(real, arguments);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }
}
