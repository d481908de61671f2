package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// Memory that devices reach. Bytes belong to the platform; a device's right to reach them belongs
/// to the lease.
///
/// Rings and whatever else is the driver's own come from [#allocate]: they go with the lease.
/// Buffers for data, which outlive a driver's generation because a consumer holds them, come from
/// [#allocateShared].
@ProviderType
public interface DmaService {
    /// Allocates memory for the driver's own use, zeroed. It is freed after the lease's device has
    /// confirmed its reset.
    ///
    /// @param lease a valid lease
    /// @param request what is needed
    /// @return the memory, whose segment throws once the lease is revoked
    /// @throws DeviceException if no such memory is free, naming what was asked for and what is
    ///   left
    DmaBuffer allocate(Lease lease, DmaRequest request);

    /// Takes over memory of the driver's own from the generation before, whose lease was passed on:
    /// the same bytes at the same device address, with what they hold.
    ///
    /// @param lease a valid lease that was passed on to its holder
    /// @param address the device address of the first byte, as [DmaBuffer#address()] told the
    ///   generation before
    /// @return the memory, as large as it was allocated; it goes with this lease
    /// @throws DeviceException if no memory that was passed on begins there, or it was taken over
    ///   already
    DmaBuffer adopt(Lease lease, long address);

    /// Allocates memory for data, zeroed, that the lease's device reaches without a copy. It
    /// belongs to the caller until closed, whatever becomes of the lease; its bytes go when their
    /// machine goes.
    ///
    /// @param lease a valid lease of the device that should reach it
    /// @param request what is needed
    /// @return the memory
    /// @throws DeviceException if no such memory is free, naming what was asked for and what is
    ///   left
    DmaBuffer allocateShared(Lease lease, DmaRequest request);

    /// Whether the lease's device reaches this memory without a copy: data of its machine, and what
    /// is its lease's own. What is another device's own goes with that device's lease, and an IOMMU
    /// keeps it from all others.
    ///
    /// @param lease a valid lease
    /// @param buffer any DMA memory
    /// @return false if a bounce copy is needed; the same for all buffers of a [DmaBuffer#pool()]
    boolean reaches(Lease lease, DmaBuffer buffer);

    /// How much of the memory that a device's machine offers is handed out now, to all its devices.
    ///
    /// @param device a device of this HAL
    /// @return a snapshot
    Usage usage(Device device);

    /// DMA memory that is handed out.
    ///
    /// @param blocks how many pieces
    /// @param bytes how many bytes, as rounded by the allocator
    record Usage(int blocks, long bytes) {}
}
