package helix.block.internal;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which disks there are, and which device is behind which. A disk is made when its medium is first
/// seen and kept.
///
/// Knows nothing of OSGi: the subsystem's component tells it what comes and goes.
final class DiskTable {
    private static final Logger LOG = LoggerFactory.getLogger(DiskTable.class);

    private final Consumer<StableDisk> publisher;
    private final Map<String, StableDisk> disksByKey = new LinkedHashMap<>();
    private final Map<Backend, StableDisk> disksByBackend = new HashMap<>();
    private final Set<String> names = new HashSet<>();
    private final Set<String> deviceIds = new HashSet<>();
    private final Set<String> reportedTwins = new HashSet<>();

    private final Duration park;

    /// @param publisher told of each new disk, without a lock held
    /// @param park how long requests wait for a driver
    DiskTable(Consumer<StableDisk> publisher, Duration park) {
        this.publisher = publisher;
        this.park = park;
    }

    /// A driver published a block device.
    void added(Backend backend) {
        boolean isNew;
        final StableDisk disk;
        List<StableDisk> replaced;
        synchronized (this) {
            String key = keyOf(backend);
            StableDisk known = disksByKey.get(key);
            isNew = known == null;
            if (known == null) {
                String name = DiskNames.next(backend.wishedName(), names);
                names.add(name);
                known = new StableDisk(name, backend, park);
                disksByKey.put(key, known);
            }
            disk = known;
            disksByBackend.put(backend, disk);
            disk.claim(backend.deviceId());
            replaced = disksByKey.values().stream().filter(d -> !d.equals(disk)).toList();
        }
        // What was in its place is not there any more, and nobody needs to wait for it.
        replaced.forEach(other -> other.otherFound(backend));
        // Without the lock: other disks do not wait for this one's driver.
        disk.attach(backend);
        if (isNew) {
            publisher.accept(disk);
        }
    }

    /// A block device's service went.
    void removed(Backend backend) {
        StableDisk disk;
        boolean devicePresent;
        synchronized (this) {
            disk = disksByBackend.remove(backend);
            devicePresent = deviceIds.contains(backend.deviceId()) && !isReplaced(backend, disk);
        }
        if (disk != null) {
            disk.detach(backend, devicePresent);
        }
    }

    /// Whether another medium has come up in the place of a disk's. Needs the lock.
    private boolean isReplaced(Backend old, @Nullable StableDisk disk) {
        return disksByBackend.entrySet().stream()
                .anyMatch(e -> e.getKey().hasPlaceOf(old) && !e.getValue().equals(disk));
    }

    /// A device is there.
    synchronized void deviceAdded(String deviceId) {
        deviceIds.add(deviceId);
    }

    /// A device is gone. Another one may come under the same id; it has nothing to do with the
    /// disks that were behind this one.
    void deviceRemoved(String deviceId) {
        List<StableDisk> disks;
        synchronized (this) {
            deviceIds.remove(deviceId);
            disks = List.copyOf(disksByKey.values());
        }
        disks.forEach(disk -> disk.deviceRemoved(deviceId));
    }

    /// The disks whose media are in a device.
    synchronized List<StableDisk> behind(String deviceId) {
        return disksByKey.values().stream()
                .filter(disk -> disk.deviceId().equals(deviceId))
                .toList();
    }

    /// Forgets everything and closes what is open.
    void close() {
        List<StableDisk> disks;
        synchronized (this) {
            disks = new ArrayList<>(disksByKey.values());
            disksByKey.clear();
            disksByBackend.clear();
            names.clear();
        }
        disks.forEach(StableDisk::shutDown);
    }

    /// The key of a medium: its identity, and the device too where the identity does not tell it
    /// from another medium that is there at the same time.
    private String keyOf(Backend backend) {
        String plain = backend.identityKey();
        String distinguished = plain + "@" + backend.deviceId();
        if (!backend.isUnique() || disksByKey.containsKey(distinguished)) {
            return distinguished;
        }
        StableDisk holder = disksByKey.get(plain);
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
