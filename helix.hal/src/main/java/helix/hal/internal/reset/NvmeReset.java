package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;

/// NVM Express Base 2.0, section 3.5.1 and 3.7.2: CC.EN to 0, and CSTS.RDY follows within CAP.TO.
final class NvmeReset implements DeviceReset {
    private static final int CLASS = 0x010802;
    private static final long CAP = 0x00;
    private static final int CAP_TO_SHIFT = 24;
    private static final long TO_UNIT_MILLIS = 500;
    private static final long CC = 0x14;
    private static final int CC_EN = 1;
    private static final long CSTS = 0x1C;
    private static final int CSTS_RDY = 1;

    @Override
    public String name() {
        return "CSTS.RDY = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.classCode() == CLASS && Registers.of(function, 0).isPresent();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Registers registers = Registers.of(function, 0).orElseThrow();
        long units = Math.max(1, registers.read32(CAP) >>> CAP_TO_SHIFT & 0xFF);
        long millis = Math.min(units * TO_UNIT_MILLIS, deadline.remainingMillis());
        int cc = registers.read32(CC);
        if (cc == -1) {
            return false;
        }
        registers.write32(CC, cc & ~CC_EN);
        return Registers.await(
                Deadline.afterMillis(millis),
                () ->
                        (registers.read32(CSTS) & CSTS_RDY) == 0
                                && (registers.read32(CC) & CC_EN) == 0);
    }
}
