package helix.hal.api;

/// How a PCI function raises interrupts.
public enum IrqKind {
    /// A shared, level-triggered line. PCI Local Bus 3.0, section 2.2.6.
    INTX,
    /// Message Signalled Interrupts. PCI Local Bus 3.0, section 6.8.1.
    MSI,
    /// MSI-X. PCI Local Bus 3.0, section 6.8.2.
    MSIX
}
