package helix.hal.sim;

/// Config space as PCI Local Bus 3.0 (chapter 6), PCI-to-PCI Bridge 1.2 (chapter 3) and PCI Express
/// Base 6.0 (chapter 7) lay it out: the machine's side of it. Offsets in bytes, masks in place.
final class PciConfig {
    static final int ID = 0x00;
    static final int COMMAND = 0x04;
    static final int COMMAND_IO = 1;
    static final int COMMAND_MEMORY = 1 << 1;
    static final int COMMAND_MASTER = 1 << 2;

    /// I/O and memory space, bus master, parity error response, SERR# enable, interrupt disable.
    static final int COMMAND_WRITABLE = 0x0547;

    static final int COMMAND_INTX_DISABLE = 1 << 10;
    static final int STATUS = 0x06;
    static final int STATUS_INTERRUPT = 1 << 3;
    static final int STATUS_CAPABILITIES = 1 << 4;
    static final int CLASS_REVISION = 0x08;
    static final int CACHE_LINE = 0x0C;
    static final int HEADER_TYPE = 0x0E;
    static final int BAR0 = 0x10;
    static final int SUBSYSTEM = 0x2C;
    static final int CAPABILITIES = 0x34;
    static final int INTERRUPT_LINE = 0x3C;
    static final int INTERRUPT_PIN = 0x3D;

    /// Where capabilities begin, below 0x40 is the header.
    static final int FIRST_CAPABILITY = 0x40;

    static final int LAST_CAPABILITY = 0x100;

    // Header type 1. PCI-to-PCI Bridge 1.2, section 3.2.
    static final int PRIMARY = 0x18;
    static final int SECONDARY = 0x19;
    static final int SUBORDINATE = 0x1A;
    static final int IO_BASE = 0x1C;
    static final int IO_LIMIT = 0x1D;
    static final int MEMORY_BASE = 0x20;
    static final int MEMORY_LIMIT = 0x22;
    static final int PREFETCH_BASE = 0x24;
    static final int PREFETCH_LIMIT = 0x26;
    static final int PREFETCH_BASE_UPPER = 0x28;
    static final int PREFETCH_LIMIT_UPPER = 0x2C;
    static final int BRIDGE_CAPABILITIES = 0x34;
    static final int BRIDGE_CONTROL = 0x3E;
    static final int SECONDARY_BUS_RESET = 1 << 6;

    // Power management, PCI Express Base 6.0, section 7.5.2.
    static final int PM_ID = 0x01;
    static final int PM_SIZE = 8;
    static final int PM_STATUS = 4;
    static final int PM_STATE = 3;
    static final int PM_NO_SOFT_RESET = 1 << 3;

    // MSI-X, section 7.7.2.
    static final int MSIX_ID = 0x11;
    static final int MSIX_SIZE = 12;
    static final int MSIX_CONTROL = 2;
    static final int MSIX_ENABLE = 1 << 15;
    static final int MSIX_MASK_ALL = 1 << 14;

    // PCI Express capability, section 7.5.3.
    static final int EXPRESS_ID = 0x10;
    static final int EXPRESS_SIZE = 0x3C;
    static final int EXPRESS_ENDPOINT = 0;
    static final int EXPRESS_ROOT_PORT = 4;
    static final int EXPRESS_INTEGRATED_ENDPOINT = 9;
    static final int EXPRESS_SLOT = 1 << 8;
    static final int DEVICE_CAPABILITIES = 0x04;
    static final int ROLE_BASED_ERRORS = 1 << 15;
    static final int FLR_CAPABLE = 1 << 28;
    static final int DEVICE_CONTROL = 0x08;
    static final int INITIATE_FLR = 1 << 15;
    static final int LINK_CAPABILITIES = 0x0C;

    /// 2.5 GT/s, one lane.
    static final int LINK_SPEED_WIDTH = 0x11;

    static final int LINK_ACTIVE_REPORTING = 1 << 20;
    static final int LINK_CONTROL = 0x10;
    static final int LINK_STATUS = 0x12;
    static final int LINK_ACTIVE = 1 << 13;
    static final int SLOT_CAPABILITIES = 0x14;
    static final int SLOT_CONTROL = 0x18;
    static final int SLOT_POWER_OFF = 1 << 10;
    static final int SLOT_STATUS = 0x1A;

    private PciConfig() {}
}
