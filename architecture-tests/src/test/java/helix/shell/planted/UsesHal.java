package helix.shell.planted;

import helix.hal.planted.Hal;

/// Breaks a rule on purpose.
public interface UsesHal {
    /// An implementation.
    Hal hal();
}
