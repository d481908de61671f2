package helix.hal.api.machine;

import helix.hal.api.PciBar;
import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// A PCI host bridge as a machine offers it: config space and the windows behind which BARs are
/// decoded. The HAL enumerates, sizes, and assigns what no firmware assigned.
@ConsumerType
public interface PciHost {
    /// Reads config space.
    ///
    /// @param bus 0 to 255
    /// @param devfn device and function, 0 to 255
    /// @param offset in bytes, a multiple of the width
    /// @param width 1, 2 or 4 bytes
    /// @return the value, zero-extended; all ones where no function answers
    int readConfig(int bus, int devfn, int offset, int width);

    /// Writes config space. Done when the call returns.
    ///
    /// @param bus 0 to 255
    /// @param devfn device and function, 0 to 255
    /// @param offset in bytes, a multiple of the width
    /// @param width 1, 2 or 4 bytes
    /// @param value its low bytes count
    void writeConfig(int bus, int devfn, int offset, int width, int value);

    /// Bytes of config space per function that can be reached.
    ///
    /// @return 256, or 4096 with ECAM
    int configSize();

    /// The root bus.
    ///
    /// @return its number
    int firstBus();

    /// The highest bus number that may be given out.
    ///
    /// @return at most 255
    int lastBus();

    /// The memory space in which memory BARs are decoded.
    ///
    /// @return the space
    BusAccess memory();

    /// Address ranges from which BARs and bridge windows may be assigned.
    ///
    /// @return the ranges; two of one kind do not overlap
    List<Window> windows();

    /// Which interrupt line an INTx pin of a function on the root bus raises; functions behind
    /// bridges are swizzled by the HAL. PCI-to-PCI Bridge 1.2, section 9.1.
    ///
    /// @param device device number on the root bus
    /// @param pin 1 for INTA to 4 for INTD
    /// @return the line for [InterruptLines]
    int line(int device, int pin);

    /// Whether single functions of the root bus come and go while the others stay. Such a change is
    /// announced by [Machine.Listener#pciChanged()], which otherwise means that the machine was
    /// reset. A function that comes has no addresses assigned.
    ///
    /// @return false where functions are plugged into slots only
    default boolean isHotPluggable() {
        return false;
    }

    /// For functions that the machine itself uses: they are listed and not driven, and their BARs
    /// are left alone.
    ///
    /// @param bus the function's bus
    /// @param devfn device and function
    /// @return what the machine uses it for
    default Optional<String> reservation(int bus, int devfn) {
        return Optional.empty();
    }

    /// A range of addresses.
    ///
    /// @param kind what it may be used for; MEMORY64 lies above 4 GiB
    /// @param base the first address
    /// @param size how many bytes
    record Window(PciBar.Kind kind, long base, long size) {}
}
