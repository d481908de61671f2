package helix.driver.block.planted;

import helix.driver.net.planted.Net;

/// Breaks a rule on purpose.
public interface UsesNet {
    /// Another driver.
    Net net();
}
