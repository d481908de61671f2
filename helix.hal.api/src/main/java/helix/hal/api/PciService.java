package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// What the holder of a lease may do to a function's config space. Interrupt capabilities, base
/// address registers and the command register's decode bits belong to the HAL; writes to them are
/// refused with `IllegalArgumentException`.
@ProviderType
public interface PciService {
    /// Lets the device be master of the bus (Command bit 2), or stops it. After a stop no new DMA
    /// begins.
    ///
    /// @param lease a valid lease of a PCI function
    /// @param enabled whether DMA may begin
    void busMaster(Lease lease, boolean enabled);

    /// Writes config space: one access of that width.
    ///
    /// @param lease a valid lease of a PCI function
    /// @param offset in bytes
    /// @param value its low 8 bits count
    void writeConfig8(Lease lease, int offset, int value);

    /// Writes config space: one access of that width.
    ///
    /// @param lease a valid lease of a PCI function
    /// @param offset in bytes, a multiple of 2
    /// @param value its low 16 bits count
    void writeConfig16(Lease lease, int offset, int value);

    /// Writes config space: one access of that width.
    ///
    /// @param lease a valid lease of a PCI function
    /// @param offset in bytes, a multiple of 4
    /// @param value the value
    void writeConfig32(Lease lease, int offset, int value);
}
