package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import java.util.Optional;
import java.util.Set;

/// What the driver needs of the platform for its one device: [DeviceHal] is the real one,
/// [RehearsalHal] has no device.
interface Hal {
    /// The controller's name, `nvme0`.
    String name();

    /// What is special about the controller.
    Set<Quirks> quirks();

    /// Whether the device is still plugged in, as far as the platform knows.
    boolean isPresent();

    /// What became of the right to the device.
    Lease.State leaseState();

    /// The number of that right among all there were for the device.
    long epoch();

    /// Maps BAR 0.
    MmioRegion registers();

    /// Memory of the driver's own, zeroed.
    DmaBuffer allocate(long bytes, long alignment, int addressBits);

    /// Memory of the driver's own, as the generation before left it.
    DmaBuffer adopt(long address);

    /// Memory for a client's data.
    DmaBuffer allocateShared(long bytes, long alignment, int addressBits);

    /// Whether the device reaches a client's memory.
    boolean reaches(DmaBuffer buffer);

    /// Interrupt vectors, from 1 to a number of them.
    IrqVectors allocateVectors(int max);

    /// The interrupt vectors of the generation before, if it had any.
    Optional<IrqVectors> adoptVectors();

    /// Lets the device access memory, or not.
    void busMaster(boolean enabled);

    /// Whether the right to the device is still this generation's.
    default boolean isLeaseValid() {
        return leaseState() == Lease.State.VALID;
    }
}
