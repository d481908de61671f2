package helix.block.internal;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.Device;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A disk table with drives to plug in.
final class Rig {
    static final int BLOCK = 512;

    final List<StableDisk> published = new ArrayList<>();
    final DiskTable table;
    private long generation;

    Rig() {
        this(Duration.ofSeconds(30));
    }

    Rig(Duration park) {
        table = new DiskTable(published::add, park);
    }

    static MemoryBlockDevice drive(String serial) {
        return drive(serial, 1);
    }

    static MemoryBlockDevice drive(String serial, int namespace) {
        return new MemoryBlockDevice(
                new BlockIdentity("MODEL", serial, "1", namespace, ""),
                MemoryBlockDevice.defaultLimits(BLOCK),
                BLOCK,
                4096,
                new Object());
    }

    /// What a driver does when it has started.
    Backend serve(BlockDevice device, String slot, String name) {
        table.deviceAdded(slot);
        Backend backend =
                new Backend(
                        device,
                        Map.of(
                                BlockDevice.NAME,
                                name,
                                BlockDevice.IDENTITY,
                                device.identity().key(),
                                Device.ID,
                                slot,
                                "driver.name",
                                "nvme",
                                "module.generation",
                                ++generation));
        table.added(backend);
        return backend;
    }

    /// What happens when the device is pulled.
    void unplug(Backend backend) {
        table.deviceRemoved(backend.deviceId());
        table.removed(backend);
    }
}
