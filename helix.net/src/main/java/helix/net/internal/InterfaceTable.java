package helix.net.internal;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which interfaces there are, and which device is behind which. An interface is made when its
/// hardware address is first seen, and kept.
///
/// Knows nothing of OSGi: the subsystem's component tells it what comes and goes.
final class InterfaceTable {
    private static final Logger LOG = LoggerFactory.getLogger(InterfaceTable.class);

    private final Consumer<StableInterface> publisher;
    private final InterfaceNames names;
    private final Duration park;
    private final Map<String, StableInterface> byKey = new LinkedHashMap<>();
    private final Map<NetBackend, StableInterface> byBackend = new HashMap<>();
    private final Set<String> deviceIds = new HashSet<>();
    private final Set<String> reportedTwins = new HashSet<>();

    /// @param publisher told of each new interface, without a lock held
    /// @param names which interface has which name
    /// @param park how long who opens an interface waits for a driver
    InterfaceTable(Consumer<StableInterface> publisher, InterfaceNames names, Duration park) {
        this.publisher = publisher;
        this.names = names;
        this.park = park;
    }

    /// A driver published a network device.
    void added(NetBackend backend) {
        boolean isNew;
        StableInterface face;
        synchronized (this) {
            String key = keyOf(backend);
            isNew = !byKey.containsKey(key);
            face =
                    byKey.computeIfAbsent(
                            key,
                            _ -> {
                                String name = names.of(key, backend.number());
                                return new StableInterface(name, backend, park);
                            });
            byBackend.put(backend, face);
            face.claim(backend.deviceId());
        }
        // Without the lock: others do not wait for this one's driver.
        face.attach(backend);
        if (isNew) {
            publisher.accept(face);
        }
    }

    /// A network device's service went.
    void removed(NetBackend backend) {
        StableInterface face;
        boolean devicePresent;
        synchronized (this) {
            face = byBackend.remove(backend);
            devicePresent = deviceIds.contains(backend.deviceId());
        }
        if (face != null) {
            face.detach(backend, devicePresent);
        }
    }

    /// A device is there.
    synchronized void deviceAdded(String deviceId) {
        deviceIds.add(deviceId);
    }

    /// A device is gone. Another one may come under the same id.
    void deviceRemoved(String deviceId) {
        List<StableInterface> all;
        synchronized (this) {
            deviceIds.remove(deviceId);
            all = List.copyOf(byKey.values());
        }
        all.forEach(face -> face.deviceRemoved(deviceId));
    }

    /// The interfaces of a device.
    synchronized List<StableInterface> behind(String deviceId) {
        return byKey.values().stream().filter(face -> face.deviceId().equals(deviceId)).toList();
    }

    /// Forgets everything and closes what is open.
    void close() {
        List<StableInterface> all;
        synchronized (this) {
            all = new ArrayList<>(byKey.values());
            byKey.clear();
            byBackend.clear();
        }
        all.forEach(StableInterface::shutDown);
    }

    /// The hardware address, and the device too where two have the same at a time.
    private String keyOf(NetBackend backend) {
        String plain = backend.identity();
        String distinguished = plain + "@" + backend.deviceId();
        if (byKey.containsKey(distinguished)) {
            return distinguished;
        }
        StableInterface holder = byKey.get(plain);
        if (holder == null || holder.mayBeBehind(backend.deviceId())) {
            return plain;
        }
        if (reportedTwins.add(plain)) {
            LOG.warn(
                    "two devices have the address {}: {} and the one at {}; told apart by their"
                            + " devices",
                    plain,
                    holder.name(),
                    backend.deviceId());
        }
        return distinguished;
    }
}
