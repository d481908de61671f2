package helix.modules.internal;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What the tables of [Bindings] look past while generations are exchanged. Guarded by their lock.
final class Exchange {
    /// Bundles whose drivers get no device by themselves: new revisions that are being prepared,
    /// and old ones that are about to go.
    final Set<Long> hidden = new HashSet<>();

    /// Devices whose generation is being exchanged.
    final Set<String> held = new HashSet<>();

    /// Devices behind one whose generation is being exchanged.
    final Set<String> blocked = new HashSet<>();

    /// Runs of held devices that have ended.
    private final Set<ModuleRun> over = new HashSet<>();

    boolean isChosen(Driver driver) {
        return !hidden.contains(driver.bundle().getBundleId());
    }

    boolean keepsUnbound(String deviceId) {
        return held.contains(deviceId) || blocked.contains(deviceId);
    }

    /// Whether a run that has ended keeps its place until its device is held no more.
    boolean keeps(ModuleRun run) {
        return held.contains(run.deviceId()) && over.add(run);
    }

    /// The runs of a device that have ended while it was held.
    List<ModuleRun> takeEnded(String deviceId) {
        List<ModuleRun> of = over.stream().filter(r -> r.deviceId().equals(deviceId)).toList();
        of.forEach(over::remove);
        return of;
    }
}
