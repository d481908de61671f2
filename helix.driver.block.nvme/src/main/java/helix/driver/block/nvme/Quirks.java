package helix.driver.block.nvme;

import helix.hal.api.PciDevice;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Controllers that do not do what the specification says, by PCI id. Each entry is known from the
/// tables of Linux (drivers/nvme/host/pci.c, `nvme_id_table`) or SPDK (lib/nvme/nvme_quirks.c);
/// quirks of theirs that concern nothing this driver does are left out.
enum Quirks {
    /// After CC.EN = 0 the registers must be left alone for 2.3 s. Linux
    /// `NVME_QUIRK_DELAY_BEFORE_CHK_RDY`: reading CSTS sooner makes the controller lose its way.
    DELAY_BEFORE_CHECK_READY,
    /// Identify knows no CNS above 01h. Linux and SPDK `NVME_QUIRK_IDENTIFY_CNS`.
    IDENTIFY_CNS,
    /// No Namespace Identification Descriptor list, or a damaged one. Linux
    /// `NVME_QUIRK_NO_NS_DESC_LIST`.
    NO_NAMESPACE_DESCRIPTORS,
    /// Write Zeroes is offered and damages data or fails. Linux `NVME_QUIRK_DISABLE_WRITE_ZEROES`.
    NO_WRITE_ZEROES,
    /// EUI-64, NGUID and UUID are the same on every unit. Linux `NVME_QUIRK_BOGUS_NID`.
    BOGUS_NAMESPACE_ID,
    /// Only one interrupt vector works. Linux `NVME_QUIRK_SINGLE_VECTOR`.
    SINGLE_VECTOR,
    /// Device addresses have 48 bits. Linux `NVME_QUIRK_DMA_ADDRESS_BITS_48`.
    ADDRESS_BITS_48;

    private record Entry(int vendor, int device, String model, Set<Quirks> quirks) {}

    private static final List<Entry> TABLE =
            List.of(
                    entry(0x8086, 0x5845, "QEMU before 5.2", IDENTIFY_CNS, NO_WRITE_ZEROES),
                    entry(0x8086, 0xf1a5, "Intel 600P/P3100", NO_WRITE_ZEROES),
                    entry(0x1b36, 0x0010, "QEMU", BOGUS_NAMESPACE_ID),
                    entry(0x126f, 0x2263, "Silicon Motion", NO_NAMESPACE_DESCRIPTORS),
                    entry(
                            0x1bb1,
                            0x0100,
                            "Seagate Nytro",
                            DELAY_BEFORE_CHECK_READY,
                            NO_NAMESPACE_DESCRIPTORS),
                    entry(0x1c58, 0x0003, "HGST", DELAY_BEFORE_CHECK_READY),
                    entry(0x1c58, 0x0023, "WDC SN200", DELAY_BEFORE_CHECK_READY),
                    entry(0x1c5f, 0x0540, "Memblaze PBlaze4", DELAY_BEFORE_CHECK_READY),
                    entry(0x144d, 0xa821, "Samsung PM1725", DELAY_BEFORE_CHECK_READY),
                    entry(
                            0x144d,
                            0xa822,
                            "Samsung PM1725a",
                            DELAY_BEFORE_CHECK_READY,
                            NO_WRITE_ZEROES),
                    entry(0x1b4b, 0x1092, "Lexar 256 GB", NO_NAMESPACE_DESCRIPTORS),
                    entry(0x1c5c, 0x1504, "SK Hynix PC400", NO_WRITE_ZEROES),
                    entry(0x15b7, 0x2001, "SanDisk Skyhawk", NO_WRITE_ZEROES),
                    entry(0x1d97, 0x2263, "SPCC", NO_WRITE_ZEROES),
                    entry(0x1e4b, 0x1002, "MAXIO MAP1002", BOGUS_NAMESPACE_ID),
                    entry(0x1e4b, 0x1202, "MAXIO MAP1202", BOGUS_NAMESPACE_ID),
                    entry(0x1d0f, 0x0061, "Amazon", ADDRESS_BITS_48),
                    entry(0x1d0f, 0x0065, "Amazon", ADDRESS_BITS_48),
                    entry(0x1d0f, 0x8061, "Amazon", ADDRESS_BITS_48),
                    entry(0x1d0f, 0xcd00, "Amazon", ADDRESS_BITS_48),
                    entry(0x1d0f, 0xcd01, "Amazon", ADDRESS_BITS_48),
                    entry(0x1d0f, 0xcd02, "Amazon", ADDRESS_BITS_48),
                    entry(0x106b, 0x2001, "Apple", SINGLE_VECTOR));

    private static Entry entry(
            int vendor, int device, String model, Quirks first, Quirks... others) {
        return new Entry(vendor, device, model, EnumSet.of(first, others));
    }

    /// The quirks of a controller.
    ///
    /// @param device its PCI function
    /// @return none for most
    static Set<Quirks> of(PciDevice device) {
        Set<Quirks> found = EnumSet.noneOf(Quirks.class);
        for (Entry entry : TABLE) {
            if (entry.vendor == device.vendorId() && entry.device == device.deviceId()) {
                found.addAll(entry.quirks);
            }
        }
        return found;
    }
}
