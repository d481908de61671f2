package helix.driver.block.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.virtio.VirtioTransport;
import java.util.Optional;

/// What the driver needs of the platform for its one device: [DeviceHal] is the real one,
/// [RehearsalHal] has no device.
interface Hal {
    /// The device's name, `vblk0`.
    String name();

    /// The device's address.
    String address();

    /// Whether the device is still plugged in, as far as the platform knows.
    boolean isPresent();

    /// What became of the right to the device.
    Lease.State leaseState();

    /// The number of that right among all there were for the device.
    long epoch();

    /// The device's registers.
    VirtioTransport open();

    /// Memory of the driver's own, zeroed.
    DmaBuffer allocate(long bytes);

    /// Memory of the driver's own, as the generation before left it.
    DmaBuffer adopt(long address);

    /// Memory for a client's data.
    DmaBuffer allocateShared(long bytes);

    /// Whether the device reaches a client's memory.
    boolean reaches(DmaBuffer buffer);

    /// Interrupt vectors, from 1 to a number of them.
    IrqVectors allocateVectors(int max);

    /// The interrupt vectors of the generation before, if it had any.
    Optional<IrqVectors> adoptVectors();

    /// Whether the right to the device is still this generation's.
    default boolean isLeaseValid() {
        return leaseState() == Lease.State.VALID;
    }
}
