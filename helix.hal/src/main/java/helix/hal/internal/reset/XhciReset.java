package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;

/// xHCI 1.2, section 4.2 and 5.4.1: halt, USBCMD.HCRST, which the controller clears; then
/// USBSTS.CNR goes too.
final class XhciReset implements DeviceReset {
    private static final int CLASS = 0x0C0330;
    private static final int USBCMD_RS = 1;
    private static final int USBCMD_HCRST = 1 << 1;
    private static final long USBSTS = 4;
    private static final int USBSTS_HCH = 1;
    private static final int USBSTS_CNR = 1 << 11;

    @Override
    public String name() {
        return "USBCMD.HCRST = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.classCode() == CLASS && Registers.of(function, 0).isPresent();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Registers registers = Registers.of(function, 0).orElseThrow();
        // CAPLENGTH, read with HCIVERSION as one dword: not every controller splits it.
        long operational = registers.read32(0) & 0xFF;
        registers.write32(operational, registers.read32(operational) & ~USBCMD_RS);
        boolean halted =
                Registers.await(
                        deadline, () -> (registers.read32(operational + USBSTS) & USBSTS_HCH) != 0);
        registers.write32(operational, USBCMD_HCRST);
        return halted
                && Registers.await(
                        deadline,
                        () ->
                                (registers.read32(operational) & USBCMD_HCRST) == 0
                                        && (registers.read32(operational + USBSTS) & USBSTS_CNR)
                                                == 0);
    }
}
