package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.api.PciCapability;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.PowerManagement;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// PCI Power Management 1.2, section 5.4.1: from D3hot to D0 a function without No_Soft_Reset goes
/// through a reset of its own. It confirms by having forgotten what was written to Command.
final class PowerCycle implements DeviceReset {
    /// After either transition, config space is left alone that long (section 5.6.1).
    private static final long TRANSITION_NANOS = 10_000_000;

    @Override
    public String name() {
        return "D3hot to D0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return capability(function)
                .filter(c ->
                        (function.config().read16(c.offset() + PowerManagement.PMCSR)
                                        & PowerManagement.NO_SOFT_RESET)
                                == 0)
                .isPresent();
    }

    private static Optional<PciCapability> capability(PciFunction function) {
        return function.capability(PciCapability.POWER_MANAGEMENT);
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        int pmcsr = capability(function).orElseThrow().offset() + PowerManagement.PMCSR;
        return function.resetting(() -> cycle(function.config(), pmcsr));
    }

    private static boolean cycle(ConfigSpace config, int pmcsr) {
        config.write16(Header.COMMAND, Command.INTX_DISABLE);
        config.update16(pmcsr, PowerManagement.STATE, PowerManagement.D3_HOT);
        LockSupport.parkNanos(TRANSITION_NANOS);
        config.update16(pmcsr, PowerManagement.STATE, 0);
        LockSupport.parkNanos(TRANSITION_NANOS);
        return config.answers() && config.read16(Header.COMMAND) == 0;
    }
}
