package helix.hal.qemu.planted;

import helix.hal.planted.Hal;

/// Breaks a rule on purpose.
public interface UsesHal {
    /// The other side of the machine SPI.
    Hal hal();
}
