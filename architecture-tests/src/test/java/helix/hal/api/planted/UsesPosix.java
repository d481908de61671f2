package helix.hal.api.planted;

import helix.posix.planted.Posix;

/// Breaks a rule on purpose.
public interface UsesPosix {
    /// Down too far.
    Posix down();
}
