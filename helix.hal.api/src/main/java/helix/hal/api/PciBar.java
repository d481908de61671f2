package helix.hal.api;

/// A base address register as the HAL sized it. PCI Local Bus 3.0, section 6.2.5.1.
///
/// @param index which register, 0 to 5; a 64-bit one also takes the next
/// @param kind what it decodes
/// @param prefetchable whether reads have no side effects
/// @param address where it is on the machine's bus, 0 if it could not be assigned
/// @param size how many bytes it decodes, a power of two
public record PciBar(int index, Kind kind, boolean prefetchable, long address, long size) {
    /// What a base address register decodes.
    public enum Kind {
        /// Port I/O space.
        IO,
        /// Memory below 4 GiB.
        MEMORY32,
        /// Memory anywhere.
        MEMORY64
    }
}
