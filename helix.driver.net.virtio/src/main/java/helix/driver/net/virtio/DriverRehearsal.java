package helix.driver.net.virtio;

import helix.modules.api.Rehearsal;

/// Runs what a hand-over runs on scratch memory.
final class DriverRehearsal {
    DriverRehearsal(Rehearsal scratch, Settings settings) {}

    void run() {}
}
