package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// Gives the holder of a platform device's lease access to its x86 I/O ports.
@ProviderType
public interface PortIoService {
    /// Maps one of the device's port ranges.
    ///
    /// @param lease a valid lease of a [PlatformDevice]
    /// @param range the index in [PlatformDevice#ports()]
    /// @return a region whose offset 0 is the range's first port; accesses are 8, 16 or 32 bits
    ///   wide
    /// @throws DeviceException if the device has no such range
    MmioRegion map(Lease lease, int range);
}
