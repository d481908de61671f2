package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// Gives the holder of a lease access to the device's registers.
@ProviderType
public interface MmioService {
    /// Maps a base address register, memory or I/O: the driver need not care which.
    ///
    /// @param lease a valid lease of a PCI function
    /// @param bar the register's index, 0 to 5
    /// @return the region, usable until the lease is revoked
    /// @throws DeviceException if the function has no such register, or it has no address
    /// @throws LeaseRevokedException if the lease is over
    MmioRegion map(Lease lease, int bar);
}
