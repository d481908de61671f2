package helix.hal.api;

import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// A device that no bus enumerates: a UART, the real-time clock, the keyboard controller.
@ProviderType
public interface PlatformDevice extends Device {
    /// Service property: the kind of device by its PNP id, such as `PNP0501` for a 16550 UART.
    String PNP = "platform.pnp";

    /// The kind of device by its PNP id.
    ///
    /// @return such as `PNP0B00`
    String pnpId();

    /// The port ranges it answers at.
    ///
    /// @return an unmodifiable list
    List<PortRange> ports();

    /// The interrupt lines it raises, by the machine's numbering (on a PC: ISA IRQ, 0 to 15).
    ///
    /// @return an unmodifiable list
    List<Integer> lines();

    /// A range of x86 I/O ports.
    ///
    /// @param base the first port
    /// @param count how many ports
    record PortRange(int base, int count) {}
}
