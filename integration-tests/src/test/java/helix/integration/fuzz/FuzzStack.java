package helix.integration.fuzz;

import helix.hal.api.Device;
import helix.hal.api.lease.LeaseService.Release;
import helix.modules.api.Module;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// Generations of drivers on top of each other: a bus's, and a device's on it.
final class FuzzStack {
    private final FuzzRig rig;
    private final List<FuzzRig.Life> lives = new CopyOnWriteArrayList<>();

    FuzzStack(FuzzRig rig) {
        this.rig = rig;
    }

    FuzzRig rig() {
        return rig;
    }

    FuzzRig.Life add(Device device, Module driver) {
        FuzzRig.Life life = rig.begin(device, driver);
        lives.add(life);
        return life;
    }

    FuzzRig.Life top() {
        return lives.getLast();
    }

    void stop() throws Exception {
        for (FuzzRig.Life life : lives.reversed()) {
            life.stop();
        }
    }

    /// Whether a driver has said that only a reset helps: the platform would release it now.
    boolean hasFailed() {
        return lives.stream().anyMatch(FuzzRig.Life::hasFailed);
    }

    /// What agents threw that is no device error.
    List<Throwable> escaped() {
        return lives.stream().flatMap(l -> l.escaped().stream()).toList();
    }

    /// Takes everything back, from the top.
    ///
    /// @return whether all resets were confirmed
    boolean end(Duration limit) {
        boolean confirmed = true;
        for (FuzzRig.Life life : lives.reversed()) {
            Release release = life.end(limit);
            confirmed &= release.confirmed();
        }
        return confirmed;
    }
}
