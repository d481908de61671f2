package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.api.PciCapability;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.AdvancedFeatures;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Express;
import helix.hal.internal.pci.PciRegisters.Header;
import java.util.Optional;

/// Function Level Reset: PCI Express Base 6.6.2, or the Advanced Features capability's.
///
/// The function confirms by having forgotten what was written to Command before.
final class FunctionLevelReset implements DeviceReset {
    /// The reset itself may take 100 ms, the first answer after it 1 s.
    private static final long LIMIT_MILLIS = 1_100;

    @Override
    public String name() {
        return "FLR";
    }

    @Override
    public boolean applies(PciFunction function) {
        return express(function).isPresent() || advanced(function).isPresent();
    }

    private static Optional<PciCapability> express(PciFunction function) {
        return function.capability(PciCapability.PCI_EXPRESS)
                .filter(c ->
                        (function.config().read32(c.offset() + Express.DEVICE_CAPABILITIES)
                                        & Express.FLR_CAPABLE)
                                != 0);
    }

    private static Optional<PciCapability> advanced(PciFunction function) {
        return function.capability(AdvancedFeatures.ID)
                .filter(c ->
                        (function.config().read8(c.offset() + AdvancedFeatures.CAPABILITIES)
                                        & AdvancedFeatures.FLR_AND_TP)
                                == AdvancedFeatures.FLR_AND_TP);
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        // It is done within 100 ms; all ones or "retry" until then.
        Deadline limit = Deadline.afterMillis(Math.min(LIMIT_MILLIS, deadline.remainingMillis()));
        return function.resetting(() -> reset(function.config(), function, limit));
    }

    private static boolean reset(ConfigSpace config, PciFunction function, Deadline limit) {
        config.write16(Header.COMMAND, Command.INTX_DISABLE);
        Optional<PciCapability> express = express(function);
        if (express.isPresent()) {
            config.update16(
                    express.get().offset() + Express.DEVICE_CONTROL, 0, Express.INITIATE_FLR);
        } else {
            advanced(function)
                    .ifPresent(c -> config.write8(c.offset() + AdvancedFeatures.CONTROL, 1));
        }
        return Registers.await(limit, () -> config.answers() && config.read16(Header.COMMAND) == 0);
    }
}
