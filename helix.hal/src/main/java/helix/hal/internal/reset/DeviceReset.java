package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.internal.pci.PciFunction;

/// One way to make a function quiet without its driver, so that it does no more DMA and knows
/// nothing of its former rings.
///
/// Errors: [helix.hal.api.DeviceException] where the machine does not answer.
interface DeviceReset {
    /// What confirms it, for reports: `CSTS.RDY = 0`.
    String name();

    /// Whether this is how such a function is reset.
    boolean applies(PciFunction function);

    /// Resets the function.
    ///
    /// @param deadline until when it may take
    /// @return whether the function confirmed
    boolean reset(PciFunction function, Deadline deadline);
}
