package helix.shell.planted;

import helix.modules.internal.planted.Internal;

/// Breaks a rule on purpose.
public interface UsesInternal {
    /// Nobody else's.
    Internal internal();
}
