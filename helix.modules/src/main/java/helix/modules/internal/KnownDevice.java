package helix.modules.internal;

import helix.hal.api.Device;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;

/// A device service as it was found.
record KnownDevice(
        String id,
        Device device,
        long serviceId,
        ServiceReference<?> reference,
        Map<String, Object> properties) {
    static KnownDevice of(ServiceReference<?> reference, Device device) {
        Map<String, Object> properties = new HashMap<>();
        for (String key : reference.getPropertyKeys()) {
            properties.put(key, reference.getProperty(key));
        }
        long serviceId = (Long) reference.getProperty(Constants.SERVICE_ID);
        return new KnownDevice(device.id(), device, serviceId, reference, Map.copyOf(properties));
    }

    /// What the platform uses it for, so that no driver gets it.
    @Nullable String reservedFor() {
        Object value = properties.get(Device.RESERVED);
        return value == null ? null : value.toString();
    }
}
