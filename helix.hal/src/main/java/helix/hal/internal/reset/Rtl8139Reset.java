package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;

/// RTL8139C(L)+ data sheet, section 6.8: CR.RST, which clears itself, with both engines off then.
final class Rtl8139Reset implements DeviceReset {
    private static final int VENDOR = 0x10EC;
    private static final int DEVICE = 0x8139;
    private static final int MEMORY_BAR = 1;
    private static final long CR = 0x37;
    private static final int CR_RST = 1 << 4;
    private static final int CR_RE_TE = 3 << 2;

    @Override
    public String name() {
        return "CR.RST = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.vendorId() == VENDOR
                && function.deviceId() == DEVICE
                && Registers.of(function, MEMORY_BAR).isPresent();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Registers registers = Registers.of(function, MEMORY_BAR).orElseThrow();
        registers.write8(CR, CR_RST);
        return Registers.await(deadline, () -> (registers.read8(CR) & (CR_RST | CR_RE_TE)) == 0);
    }
}
