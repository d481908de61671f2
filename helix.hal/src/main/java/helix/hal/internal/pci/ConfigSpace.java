package helix.hal.internal.pci;

import helix.hal.api.machine.PciHost;

/// One function's config space. Reads and writes of all widths are single accesses; [#update16] is
/// atomic among its callers.
public final class ConfigSpace {
    private final PciHost host;
    private final int bus;
    private final int devfn;

    /// Config space of the function at this place, whether or not one answers there.
    public ConfigSpace(PciHost host, int bus, int devfn) {
        this.host = host;
        this.bus = bus;
        this.devfn = devfn;
    }

    /// The bytes that can be reached.
    public int size() {
        return host.configSize();
    }

    /// Reads 8 bits.
    public int read8(int offset) {
        return host.readConfig(bus, devfn, offset, 1) & 0xFF;
    }

    /// Reads 16 bits.
    public int read16(int offset) {
        return host.readConfig(bus, devfn, offset, 2) & 0xFFFF;
    }

    /// Reads 32 bits.
    public int read32(int offset) {
        return host.readConfig(bus, devfn, offset, 4);
    }

    /// Writes 8 bits.
    public void write8(int offset, int value) {
        host.writeConfig(bus, devfn, offset, 1, value & 0xFF);
    }

    /// Writes 16 bits.
    public void write16(int offset, int value) {
        host.writeConfig(bus, devfn, offset, 2, value & 0xFFFF);
    }

    /// Writes 32 bits.
    public void write32(int offset, int value) {
        host.writeConfig(bus, devfn, offset, 4, value);
    }

    /// Clears and sets bits of a 16-bit register.
    ///
    /// @return its value before
    public synchronized int update16(int offset, int clear, int set) {
        int before = read16(offset);
        int after = (before & ~clear) | set;
        if (after != before) {
            write16(offset, after);
        }
        return before;
    }

    /// Whether a function answers: the vendor id is neither all ones, nor 0, nor "retry" (0001).
    public boolean answers() {
        int vendor = read16(PciRegisters.Header.VENDOR_ID);
        return vendor != 0xFFFF && vendor > 1;
    }
}
