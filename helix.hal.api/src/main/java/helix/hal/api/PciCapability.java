package helix.hal.api;

/// An entry of a function's capability list. PCI Local Bus 3.0 section 6.7; PCI Express Base 7.9
/// for extended ones.
///
/// @param id the capability's id: 8 bits, or 16 for an extended one
/// @param offset where it begins in config space
/// @param extended whether it is in the extended list, from offset 0x100
/// @param version the version of an extended capability, else 0
public record PciCapability(int id, int offset, boolean extended, int version) {
    /// PCI Power Management.
    public static final int POWER_MANAGEMENT = 0x01;

    /// Message Signalled Interrupts.
    public static final int MSI = 0x05;

    /// Vendor specific.
    public static final int VENDOR = 0x09;

    /// PCI Express.
    public static final int PCI_EXPRESS = 0x10;

    /// MSI-X.
    public static final int MSI_X = 0x11;
}
