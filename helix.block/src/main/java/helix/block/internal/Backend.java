package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.LeaseRevokedException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One generation of a driver behind a disk: a block device service and what its properties say.
final class Backend {
    private static final String DRIVER = "driver.name";
    private static final String GENERATION = "module.generation";

    private final BlockDevice device;
    private final String wishedName;
    private final String identityKey;
    private final Disk.Backing backing;
    private volatile @Nullable Object pool;

    Backend(BlockDevice device, Map<String, ?> properties) {
        this.device = device;
        wishedName = text(properties, BlockDevice.NAME, "disk0");
        identityKey = text(properties, BlockDevice.IDENTITY, device.identity().key());
        backing =
                new Disk.Backing(
                        text(properties, Device.ID, ""),
                        text(properties, DRIVER, ""),
                        properties.get(GENERATION) instanceof Number n ? n.longValue() : 0);
    }

    private static String text(Map<String, ?> properties, String key, String absent) {
        return properties.get(key) instanceof String s ? s : absent;
    }

    /// Whether a call of a driver has failed because its generation is over, or is about to be. Its
    /// handles say so by their own exceptions.
    static boolean isOver(RuntimeException e) {
        return e instanceof LeaseRevokedException
                || e instanceof IllegalStateException
                || (e instanceof BlockException b && b.status() == BlockStatus.GENERATION_GONE);
    }

    BlockDevice device() {
        return device;
    }

    /// The name that the driver would like the disk to have.
    String wishedName() {
        return wishedName;
    }

    String identityKey() {
        return identityKey;
    }

    /// Whether the key tells this medium from others: without a serial number it does not.
    boolean isUnique() {
        return !device.identity().serial().isEmpty() || !device.identity().uniqueId().isEmpty();
    }

    /// Whether its medium is where another's is or was: of a device's namespaces the same one.
    boolean hasPlaceOf(Backend other) {
        return isPlace(other.deviceId(), other.device.identity().namespace());
    }

    /// Whether its medium is a namespace of a device.
    boolean isPlace(String deviceId, int namespace) {
        return deviceId().equals(deviceId) && device.identity().namespace() == namespace;
    }

    String deviceId() {
        return backing.device();
    }

    Disk.Backing backing() {
        return backing;
    }

    /// The pool of memory that the device reaches. A device tells it only by allocating.
    Object pool() {
        Object known = pool;
        if (known == null) {
            try (DmaBuffer probe = device.allocate(device.blockSize())) {
                known = probe.pool();
            }
            pool = known;
        }
        return known;
    }
}
