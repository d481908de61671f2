package helix.hal.api.planted;

import helix.modules.api.Module;

/// Breaks a rule on purpose.
public interface UsesModules {
    /// Up.
    Module up();
}
