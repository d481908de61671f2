package helix.hal.internal.device;

import helix.hal.api.Device;
import java.util.Optional;

/// A device that the HAL itself publishes.
public interface HalDevice extends Device {
    /// The machine it is in.
    MachineContext context();

    /// What the platform uses it for, if it does.
    Optional<String> reservation();

    /// Says that the hardware is no longer there.
    void markGone();
}
