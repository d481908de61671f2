package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;
import java.util.Set;

/// Intel 8254x family, section 14.3 of its manual: receiver and transmitter off, CTRL.RST, which
/// clears itself. That alone is not trusted: both engines must read as off.
final class E1000Reset implements DeviceReset {
    private static final int VENDOR = 0x8086;

    /// 82540EM, 82544GC, 82545EM, 82574L.
    private static final Set<Integer> DEVICES = Set.of(0x100E, 0x1008, 0x100F, 0x10D3);

    private static final long CTRL = 0x0000;
    private static final int CTRL_RST = 1 << 26;
    private static final long IMC = 0x00D8;
    private static final long RCTL = 0x0100;
    private static final long TCTL = 0x0400;
    private static final int ENABLE = 1 << 1;

    @Override
    public String name() {
        return "CTRL.RST = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.vendorId() == VENDOR
                && DEVICES.contains(function.deviceId())
                && Registers.of(function, 0).isPresent();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Registers registers = Registers.of(function, 0).orElseThrow();
        registers.write32(IMC, -1);
        registers.write32(RCTL, 0);
        registers.write32(TCTL, 0);
        registers.write32(CTRL, registers.read32(CTRL) | CTRL_RST);
        return Registers.await(
                deadline,
                () ->
                        (registers.read32(CTRL) & CTRL_RST) == 0
                                && ((registers.read32(RCTL) | registers.read32(TCTL)) & ENABLE)
                                        == 0);
    }
}
