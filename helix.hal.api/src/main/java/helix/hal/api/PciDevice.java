package helix.hal.api;

import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/// One PCI function: the hardware as found, read-only. To change anything takes a [Lease].
///
/// All methods may be called by any thread. Those that reach the hardware throw
/// [DeviceGoneException] once the function is unplugged.
@ProviderType
public interface PciDevice extends Device {
    /// Service property: the vendor id, four hex digits in lower case, `1b36`.
    String VENDOR = "pci.vendor";

    /// Service property: the device id, four hex digits.
    String DEVICE = "pci.device";

    /// Service property: the subsystem vendor id, four hex digits.
    String SUBSYSTEM_VENDOR = "pci.subsystem.vendor";

    /// Service property: the subsystem id, four hex digits.
    String SUBSYSTEM = "pci.subsystem";

    /// Service property: the class code, six hex digits: base class, subclass, interface. NVMe is
    /// `010802`.
    String CLASS = "pci.class";

    /// Service property: the revision id, two hex digits.
    String REVISION = "pci.revision";

    /// Service property: the written [PciAddress].
    String ADDRESS = "pci.address";

    /// Where the function is.
    ///
    /// @return its address, fixed for the object's life
    PciAddress address();

    /// The vendor id, at offset 0x00.
    ///
    /// @return 0 to 0xFFFE
    int vendorId();

    /// The device id, at offset 0x02.
    ///
    /// @return 0 to 0xFFFF
    int deviceId();

    /// The subsystem vendor id; 0 for a bridge without one.
    ///
    /// @return 0 to 0xFFFF
    int subsystemVendorId();

    /// The subsystem id; 0 for a bridge without one.
    ///
    /// @return 0 to 0xFFFF
    int subsystemId();

    /// Base class, subclass and interface, at offset 0x09.
    ///
    /// @return 24 bits
    int classCode();

    /// The revision id, at offset 0x08.
    ///
    /// @return 0 to 0xFF
    int revisionId();

    /// The base address registers that decode something, by index.
    ///
    /// @return an unmodifiable list
    List<PciBar> bars();

    /// The capabilities, plain ones first, each list in its own order. The walk ends at a loop.
    ///
    /// @return an unmodifiable list
    List<PciCapability> capabilities();

    /// The first capability with this id that is not extended.
    ///
    /// @param id such as [PciCapability#MSI_X]
    /// @return the capability if the function has it
    default Optional<PciCapability> capability(int id) {
        return capabilities().stream().filter(c -> !c.extended() && c.id() == id).findFirst();
    }

    /// Where the function hangs: the address of the bridge above, empty on a root bus.
    ///
    /// @return the bridge's address
    Optional<PciAddress> parent();

    /// Reads config space: one access of that width.
    ///
    /// @param offset 0 to 255, or to 4095 where the machine has extended config space
    /// @return the byte, zero-extended
    int readConfig8(int offset);

    /// Reads config space: one access of that width.
    ///
    /// @param offset a multiple of 2
    /// @return the word, zero-extended
    int readConfig16(int offset);

    /// Reads config space: one access of that width.
    ///
    /// @param offset a multiple of 4
    /// @return the double word
    int readConfig32(int offset);

    /// How many bytes of config space can be reached.
    ///
    /// @return 256 or 4096
    int configSize();
}
