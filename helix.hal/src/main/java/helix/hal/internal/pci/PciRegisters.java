package helix.hal.internal.pci;

/// Config space as PCI Local Bus 3.0 (chapter 6), PCI-to-PCI Bridge 1.2 (chapter 3) and PCI Express
/// Base 4.0 (chapter 7) lay it out. Offsets are in bytes, masks in place.
public final class PciRegisters {
    private PciRegisters() {}

    /// Header of every function. PCI 6.1.
    public interface Header {
        /// Vendor ID, 16 bits; all ones where no function answers.
        int VENDOR_ID = 0x00;

        /// Device ID, 16 bits.
        int DEVICE_ID = 0x02;

        /// Command, 16 bits.
        int COMMAND = 0x04;

        /// Status, 16 bits.
        int STATUS = 0x06;

        /// Revision ID in the low byte, class code above.
        int CLASS_REVISION = 0x08;

        /// Header Type, 8 bits: the layout, and bit 7 for several functions.
        int TYPE = 0x0E;

        /// Base Address Register 0.
        int BAR0 = 0x10;

        /// Subsystem Vendor ID, 16 bits, type 0.
        int SUBSYSTEM_VENDOR = 0x2C;

        /// Subsystem ID, 16 bits, type 0.
        int SUBSYSTEM = 0x2E;

        /// Expansion ROM, type 0.
        int ROM = 0x30;

        /// Capabilities Pointer, 8 bits.
        int CAPABILITIES = 0x34;

        /// Interrupt Line, 8 bits: software's own.
        int INTERRUPT_LINE = 0x3C;

        /// Interrupt Pin, 8 bits: 0 for none, 1 for INTA.
        int INTERRUPT_PIN = 0x3D;
    }

    /// Command. PCI 6.2.2.
    public interface Command {
        /// I/O Space.
        int IO = 1;

        /// Memory Space.
        int MEMORY = 1 << 1;

        /// Bus Master.
        int MASTER = 1 << 2;

        /// Interrupt Disable.
        int INTX_DISABLE = 1 << 10;
    }

    /// Status. PCI 6.2.3.
    public interface Status {
        /// Interrupt Status: the function asserts INTx, or would if it were not disabled.
        int INTERRUPT = 1 << 3;

        /// Capabilities List.
        int CAPABILITIES = 1 << 4;
    }

    /// Header type 1. PCI-to-PCI Bridge 3.2.
    public interface Bridge {
        /// Primary Bus, 8 bits.
        int PRIMARY = 0x18;

        /// Secondary Bus, 8 bits.
        int SECONDARY = 0x19;

        /// Subordinate Bus, 8 bits.
        int SUBORDINATE = 0x1A;

        /// I/O Base in the low byte, I/O Limit in the high one.
        int IO_BASE_LIMIT = 0x1C;

        /// Memory Base, 16 bits.
        int MEMORY_BASE = 0x20;

        /// Memory Limit, 16 bits.
        int MEMORY_LIMIT = 0x22;

        /// Prefetchable Memory Base, 16 bits.
        int PREFETCH_BASE = 0x24;

        /// Prefetchable Memory Limit, 16 bits.
        int PREFETCH_LIMIT = 0x26;

        /// Prefetchable Base Upper 32 Bits.
        int PREFETCH_BASE_UPPER = 0x28;

        /// Prefetchable Limit Upper 32 Bits.
        int PREFETCH_LIMIT_UPPER = 0x2C;

        /// I/O Base and Limit Upper 16 Bits.
        int IO_UPPER = 0x30;
    }

    /// PCI Power Management 1.2, section 3.2.
    public interface PowerManagement {
        /// Power Management Control/Status.
        int PMCSR = 0x04;

        /// No_Soft_Reset.
        int NO_SOFT_RESET = 1 << 3;

        /// PowerState.
        int STATE = 3;

        /// PowerState D3hot.
        int D3_HOT = 3;
    }

    /// Message Signalled Interrupts. PCI 6.8.1.
    public interface Msi {
        /// Message Control, 16 bits.
        int CONTROL = 0x02;

        /// MSI Enable.
        int ENABLE = 1;

        /// Multiple Message Capable: log2 in bits 3:1.
        int MMC_SHIFT = 1;

        /// Multiple Message Enable: log2 in bits 6:4.
        int MME_SHIFT = 4;

        /// 64 bit address capable.
        int ADDRESS_64 = 1 << 7;

        /// Per-vector masking capable.
        int MASKING = 1 << 8;

        /// Message Address, the lower half.
        int ADDRESS = 0x04;
    }

    /// MSI-X. PCI 6.8.2.
    public interface MsiX {
        /// Message Control, 16 bits; the table's size less 1 in bits 10:0.
        int CONTROL = 0x02;

        /// Table Size in Message Control, less 1.
        int SIZE = 0x7FF;

        /// MSI-X Enable.
        int ENABLE = 1 << 15;

        /// Function Mask.
        int MASK_ALL = 1 << 14;

        /// Table offset, and in bits 2:0 the BAR.
        int TABLE = 0x04;

        /// Pending bits' offset, and in bits 2:0 the BAR.
        int PBA = 0x08;

        /// Bytes of a table entry: address, upper address, data, vector control.
        int ENTRY = 16;
    }

    /// PCI Express capability. PCI Express Base 7.5.3.
    public interface Express {
        /// PCI Express Capabilities, 16 bits: the port's type in bits 7:4.
        int CAPABILITIES = 0x02;

        /// Slot Implemented.
        int SLOT = 1 << 8;

        /// Port type: root port.
        int ROOT_PORT = 4;

        /// Port type: downstream port of a switch.
        int DOWNSTREAM_PORT = 6;

        /// Device Capabilities, 32 bits.
        int DEVICE_CAPABILITIES = 0x04;

        /// Function Level Reset Capability.
        int FLR_CAPABLE = 1 << 28;

        /// Device Control, 16 bits.
        int DEVICE_CONTROL = 0x08;

        /// Initiate Function Level Reset.
        int INITIATE_FLR = 1 << 15;

        /// Link Capabilities, 32 bits.
        int LINK_CAPABILITIES = 0x0C;

        /// Data Link Layer Link Active Reporting Capable.
        int LINK_ACTIVE_REPORTING = 1 << 20;

        /// Link Status, 16 bits.
        int LINK_STATUS = 0x12;

        /// Data Link Layer Link Active.
        int LINK_ACTIVE = 1 << 13;

        /// Slot Capabilities, 32 bits.
        int SLOT_CAPABILITIES = 0x14;

        /// Slot Control, 16 bits.
        int SLOT_CONTROL = 0x18;

        /// Slot Status, 16 bits.
        int SLOT_STATUS = 0x1A;
    }

    /// Slot Capabilities. PCI Express Base 7.5.3.9.
    public interface SlotCapabilities {
        /// Power Controller Present.
        int POWER_CONTROLLER = 1 << 1;

        /// Hot-Plug Capable.
        int HOT_PLUG = 1 << 6;

        /// No Command Completed Support.
        int NO_COMMAND_COMPLETED = 1 << 18;
    }

    /// Slot Control. PCI Express Base 7.5.3.10.
    public interface SlotControl {
        /// Attention Indicator off (bits 7:6), with [#ATTENTION] as its mask.
        int ATTENTION_OFF = 3 << 6;

        /// Attention Indicator on.
        int ATTENTION_ON = 1 << 6;

        /// Attention Indicator Control.
        int ATTENTION = 3 << 6;

        /// Power Indicator on (bits 9:8).
        int POWER_INDICATOR_ON = 1 << 8;

        /// Power Indicator blinking: a change is under way.
        int POWER_INDICATOR_BLINK = 2 << 8;

        /// Power Indicator off.
        int POWER_INDICATOR_OFF = 3 << 8;

        /// Power Indicator Control.
        int POWER_INDICATOR = 3 << 8;

        /// Power Controller Control: set, the slot is off.
        int POWER_OFF = 1 << 10;
    }

    /// Slot Status. PCI Express Base 7.5.3.11.
    public interface SlotStatus {
        /// Attention Button Pressed.
        int ATTENTION_BUTTON = 1;

        /// Presence Detect Changed.
        int PRESENCE_CHANGED = 1 << 3;

        /// Command Completed.
        int COMMAND_COMPLETED = 1 << 4;

        /// Presence Detect State.
        int PRESENT = 1 << 6;

        /// All event bits, cleared by writing ones: button, power fault, MRL, presence, command,
        /// link.
        int EVENTS = 0x11F;
    }

    /// Advanced Features capability (id 0x13). PCI ECN "Advanced Capabilities for Conventional
    /// PCI".
    public interface AdvancedFeatures {
        /// The capability's id.
        int ID = 0x13;

        /// AF Capabilities, 8 bits.
        int CAPABILITIES = 0x03;

        /// FLR and transactions pending are both offered (bits 1 and 0).
        int FLR_AND_TP = 3;

        /// AF Control, 8 bits; bit 0 initiates.
        int CONTROL = 0x04;
    }
}
