package helix.hal.api;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Where a PCI function is: segment, bus, device, function. Written `DDDD:BB:DD.F` in lower-case
/// hex.
///
/// @param segment the PCI segment group, 0 to 0xFFFF; each machine has its own
/// @param bus the bus number, 0 to 255
/// @param device the device number, 0 to 31
/// @param function the function number, 0 to 7
public record PciAddress(int segment, int bus, int device, int function)
        implements Comparable<PciAddress> {
    private static final Pattern FORM =
            Pattern.compile("(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\\.([0-7])");

    /// Checks the ranges.
    public PciAddress {
        if ((segment & ~0xFFFF) != 0
                || (bus & ~0xFF) != 0
                || (device & ~0x1F) != 0
                || (function & ~7) != 0) {
            throw new IllegalArgumentException(
                    "no PCI address: segment=%x bus=%x device=%x function=%x"
                            .formatted(segment, bus, device, function));
        }
    }

    /// Reads `DDDD:BB:DD.F`; without a segment, segment 0 is meant.
    ///
    /// @param text the written address
    /// @return the address
    /// @throws IllegalArgumentException if the text is no such address
    public static PciAddress parse(String text) {
        Matcher m = FORM.matcher(text);
        if (!m.matches() || Integer.parseInt(m.group(3), 16) > 31) {
            throw new IllegalArgumentException(
                    "no PCI address: '" + text + "' (expected DDDD:BB:DD.F)");
        }
        int segment = m.group(1) == null ? 0 : Integer.parseInt(m.group(1), 16);
        return new PciAddress(
                segment,
                Integer.parseInt(m.group(2), 16),
                Integer.parseInt(m.group(3), 16),
                Integer.parseInt(m.group(4)));
    }

    /// Device and function as one number, as in a requester id.
    ///
    /// @return 0 to 255
    public int devfn() {
        return device << 3 | function;
    }

    @Override
    public int compareTo(PciAddress other) {
        int mine = segment << 16 | bus << 8 | devfn();
        int theirs = other.segment << 16 | other.bus << 8 | other.devfn();
        return Integer.compareUnsigned(mine, theirs);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%04x:%02x:%02x.%x", segment, bus, device, function);
    }
}
