package helix.block.internal;

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

/// Which disks there are, and which device is behind which. A disk is made when its medium is first
/// seen and kept.
///
/// Knows nothing of OSGi: the subsystem's component tells it what comes and goes.
final class DiskTable {
    private static final Logger LOG = LoggerFactory.getLogger(DiskTable.class);

    private final Consumer<PassThroughDisk> publisher;
    private final Map<String, PassThroughDisk> disksByKey = new LinkedHashMap<>();
    private final Map<Backend, PassThroughDisk> disksByBackend = new HashMap<>();
    private final Set<String> names = new HashSet<>();
    private final Set<String> deviceIds = new HashSet<>();
    private final Set<String> reportedTwins = new HashSet<>();

    /// @param publisher told of each new disk, without a lock held
    DiskTable(Consumer<PassThroughDisk> publisher) {
        this.publisher = publisher;
    }

    /// A driver published a block device.
    void added(Backend backend) {
        boolean isNew;
        PassThroughDisk disk;
        synchronized (this) {
            String key = keyOf(backend);
            PassThroughDisk known = disksByKey.get(key);
            isNew = known == null;
            if (known == null) {
                String name = DiskNames.next(backend.wishedName(), names);
                names.add(name);
                known = new PassThroughDisk(name, backend);
                disksByKey.put(key, known);
            }
            disk = known;
            disksByBackend.put(backend, disk);
            disk.attach(backend);
        }
        if (isNew) {
            publisher.accept(disk);
        }
    }

    /// A block device's service went.
    synchronized void removed(Backend backend) {
        PassThroughDisk disk = disksByBackend.remove(backend);
        if (disk != null) {
            disk.detach(backend, deviceIds.contains(backend.deviceId()));
        }
    }

    /// A device is there.
    synchronized void deviceAdded(String deviceId) {
        deviceIds.add(deviceId);
    }

    /// A device is gone. Another one may come under the same id; it has nothing to do with the
    /// disks that were behind this one.
    synchronized void deviceRemoved(String deviceId) {
        deviceIds.remove(deviceId);
        for (PassThroughDisk disk : disksByKey.values()) {
            disk.deviceRemoved(deviceId);
        }
    }

    /// Forgets everything and closes what is open.
    void close() {
        List<PassThroughDisk> disks;
        synchronized (this) {
            disks = new ArrayList<>(disksByKey.values());
            disksByKey.clear();
            disksByBackend.clear();
            names.clear();
        }
        disks.forEach(PassThroughDisk::shutDown);
    }

    /// The key of a medium: its identity, and the device too where the identity does not tell it
    /// from another medium that is there at the same time.
    private String keyOf(Backend backend) {
        String plain = backend.identityKey();
        String distinguished = plain + "@" + backend.deviceId();
        if (!backend.isUnique() || disksByKey.containsKey(distinguished)) {
            return distinguished;
        }
        PassThroughDisk holder = disksByKey.get(plain);
        if (holder == null || holder.mayBeBehind(backend.deviceId())) {
            return plain;
        }
        if (reportedTwins.add(plain)) {
            LOG.warn(
                    "two media say they are {}: {} and the one at {}; told apart by their devices",
                    plain,
                    holder.name(),
                    backend.deviceId());
        }
        return distinguished;
    }
}
