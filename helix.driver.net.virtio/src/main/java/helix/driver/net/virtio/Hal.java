package helix.driver.net.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.virtio.VirtioTransport;
import java.util.Optional;

/// What the driver needs of the platform for its one device: [DeviceHal] is the real one,
/// [RehearsalHal] has no device.
interface Hal {
    /// The device's name, `net0`.
    String name();

    /// The device's id, the same after each plug at the same place.
    String deviceId();

    /// What became of the right to the device.
    Lease.State leaseState();

    /// Opens the registers.
    VirtioTransport transport();

    /// Memory of the driver's own, zeroed, in whole pages.
    DmaBuffer allocate(long bytes);

    /// Memory of the driver's own, as the generation before left it.
    DmaBuffer adopt(long address);

    /// Memory for a client's frames.
    DmaBuffer allocateShared(long bytes);

    /// Whether the device reaches a client's memory.
    boolean reaches(DmaBuffer buffer);

    /// Interrupt vectors, from 1 to a number of them.
    IrqVectors allocateVectors(int max);

    /// The interrupt vectors of the generation before, if it had any.
    Optional<IrqVectors> adoptVectors();
}
