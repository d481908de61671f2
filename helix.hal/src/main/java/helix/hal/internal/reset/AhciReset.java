package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;

/// Serial ATA AHCI 1.3.1, section 10.4.3: GHC.HR, which the controller clears within 1 s.
final class AhciReset implements DeviceReset {
    private static final int CLASS = 0x010601;
    private static final int ABAR = 5;
    private static final long GHC = 0x04;
    private static final int GHC_HR = 1;
    private static final int GHC_AE = 1 << 31;

    @Override
    public String name() {
        return "GHC.HR = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.classCode() == CLASS && Registers.of(function, ABAR).isPresent();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Registers registers = Registers.of(function, ABAR).orElseThrow();
        registers.write32(GHC, GHC_AE);
        registers.write32(GHC, GHC_AE | GHC_HR);
        return Registers.await(deadline, () -> (registers.read32(GHC) & GHC_HR) == 0);
    }
}
