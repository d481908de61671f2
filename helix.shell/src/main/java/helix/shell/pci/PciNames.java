package helix.shell.pci;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Names of the classes, vendors and devices that the machines at hand are made of. Class codes are
/// those of the PCI Code and ID Assignment Specification, chapter 1.
public final class PciNames {
    private static final Map<String, String> CLASSES =
            Map.ofEntries(
                    Map.entry("0100", "SCSI controller"),
                    Map.entry("0101", "IDE controller"),
                    Map.entry("0106", "SATA controller"),
                    Map.entry("0108", "NVM controller"),
                    Map.entry("0200", "Ethernet controller"),
                    Map.entry("0300", "VGA controller"),
                    Map.entry("0302", "3D controller"),
                    Map.entry("0380", "Display controller"),
                    Map.entry("0401", "Audio device"),
                    Map.entry("0403", "HD audio device"),
                    Map.entry("0500", "RAM"),
                    Map.entry("0600", "Host bridge"),
                    Map.entry("0601", "ISA bridge"),
                    Map.entry("0604", "PCI bridge"),
                    Map.entry("0680", "Bridge"),
                    Map.entry("0700", "Serial controller"),
                    Map.entry("0780", "Communication controller"),
                    Map.entry("0880", "System peripheral"),
                    Map.entry("0900", "Keyboard controller"),
                    Map.entry("0902", "Mouse controller"),
                    Map.entry("0980", "Input device controller"),
                    Map.entry("0c03", "USB controller"),
                    Map.entry("0c05", "SMBus"));

    private static final Map<String, String> BASE_CLASSES =
            Map.ofEntries(
                    Map.entry("00", "Device without a class"),
                    Map.entry("01", "Mass storage controller"),
                    Map.entry("02", "Network controller"),
                    Map.entry("03", "Display controller"),
                    Map.entry("04", "Multimedia device"),
                    Map.entry("05", "Memory controller"),
                    Map.entry("06", "Bridge"),
                    Map.entry("07", "Communication controller"),
                    Map.entry("08", "System peripheral"),
                    Map.entry("09", "Input device"),
                    Map.entry("0c", "Serial bus controller"),
                    Map.entry("12", "Processing accelerator"));

    private static final Map<String, String> VENDORS =
            Map.ofEntries(
                    Map.entry("1002", "AMD/ATI"),
                    Map.entry("1022", "AMD"),
                    Map.entry("1033", "NEC"),
                    Map.entry("10de", "NVIDIA"),
                    Map.entry("10ec", "Realtek"),
                    Map.entry("1234", "QEMU"),
                    Map.entry("144d", "Samsung"),
                    Map.entry("15b7", "SanDisk"),
                    Map.entry("1af4", "Red Hat"),
                    Map.entry("1b36", "Red Hat"),
                    Map.entry("8086", "Intel"));

    private static final Map<String, String> DEVICES =
            Map.ofEntries(
                    Map.entry("10ec:8139", "RTL8139"),
                    Map.entry("1234:1111", "VGA"),
                    Map.entry("1234:11e8", "edu"),
                    Map.entry("1af4:1000", "Virtio network"),
                    Map.entry("1af4:1001", "Virtio block"),
                    Map.entry("1af4:1003", "Virtio console"),
                    Map.entry("1af4:1004", "Virtio SCSI"),
                    Map.entry("1af4:1005", "Virtio RNG"),
                    Map.entry("1af4:1041", "Virtio network"),
                    Map.entry("1af4:1042", "Virtio block"),
                    Map.entry("1af4:1043", "Virtio console"),
                    Map.entry("1af4:1044", "Virtio RNG"),
                    Map.entry("1af4:1048", "Virtio SCSI"),
                    Map.entry("1af4:1050", "Virtio GPU"),
                    Map.entry("1af4:1052", "Virtio input"),
                    Map.entry("1af4:1110", "Inter-VM shared memory"),
                    Map.entry("1b36:0001", "PCI-PCI bridge"),
                    Map.entry("1b36:0008", "PCIe host bridge"),
                    Map.entry("1b36:000b", "PCIe expander bridge"),
                    Map.entry("1b36:000c", "PCIe root port"),
                    Map.entry("1b36:000d", "xHCI"),
                    Map.entry("1b36:000e", "PCIe-PCI bridge"),
                    Map.entry("1b36:0010", "NVMe"),
                    Map.entry("8086:100e", "82540EM"),
                    Map.entry("8086:10d3", "82574L"),
                    Map.entry("8086:1237", "440FX"),
                    Map.entry("8086:2918", "ICH9 LPC"),
                    Map.entry("8086:2922", "ICH9 AHCI"),
                    Map.entry("8086:2930", "ICH9 SMBus"),
                    Map.entry("8086:29c0", "Q35 host bridge"),
                    Map.entry("8086:7000", "PIIX3 ISA"),
                    Map.entry("8086:7010", "PIIX3 IDE"),
                    Map.entry("8086:7113", "PIIX4 ACPI"));

    private static final Map<Integer, String> CAPABILITIES =
            Map.ofEntries(
                    Map.entry(0x01, "Power management"),
                    Map.entry(0x04, "Slot identification"),
                    Map.entry(0x05, "MSI"),
                    Map.entry(0x07, "PCI-X"),
                    Map.entry(0x08, "HyperTransport"),
                    Map.entry(0x09, "Vendor specific"),
                    Map.entry(0x0c, "Hot-plug"),
                    Map.entry(0x0d, "Subsystem"),
                    Map.entry(0x10, "PCI Express"),
                    Map.entry(0x11, "MSI-X"),
                    Map.entry(0x12, "SATA"),
                    Map.entry(0x13, "Advanced features"),
                    Map.entry(0x14, "Enhanced allocation"));

    private static final Map<Integer, String> EXTENDED_CAPABILITIES =
            Map.ofEntries(
                    Map.entry(0x0001, "Advanced error reporting"),
                    Map.entry(0x0002, "Virtual channel"),
                    Map.entry(0x0003, "Serial number"),
                    Map.entry(0x000b, "Vendor specific"),
                    Map.entry(0x000d, "Access control services"),
                    Map.entry(0x000e, "Alternative routing-ID"),
                    Map.entry(0x000f, "Address translation services"),
                    Map.entry(0x0010, "Single root I/O virtualization"),
                    Map.entry(0x0013, "Page request"),
                    Map.entry(0x0015, "Resizable BAR"),
                    Map.entry(0x0018, "Latency tolerance reporting"),
                    Map.entry(0x0019, "Secondary PCI Express"),
                    Map.entry(0x001b, "Process address space id"));

    private PciNames() {}

    /// What a function is.
    ///
    /// @param classCode six hex digits
    /// @return a few words
    public static String classOf(String classCode) {
        String name = CLASSES.get(classCode.substring(0, 4));
        name = name == null ? BASE_CLASSES.get(classCode.substring(0, 2)) : name;
        return name == null ? "Class " + classCode : name;
    }

    /// Who made it.
    ///
    /// @param vendor four hex digits
    /// @return a name, null if it is not known here
    public static @Nullable String vendor(String vendor) {
        return VENDORS.get(vendor);
    }

    /// What its maker calls it.
    ///
    /// @param vendor four hex digits
    /// @param device four hex digits
    /// @return a name, null if it is not known here
    public static @Nullable String device(String vendor, String device) {
        return DEVICES.get(vendor + ":" + device);
    }

    /// What a capability is.
    ///
    /// @param id its id
    /// @param extended whether it is in the extended list
    /// @return a few words
    public static String capability(int id, boolean extended) {
        String name = (extended ? EXTENDED_CAPABILITIES : CAPABILITIES).get(id);
        return name == null ? "Capability %02x".formatted(id) : name;
    }
}
