package helix.modules.internal;

import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What remains of runs that have ended. Of a device that is gone that is nothing but code that
/// hangs. Guarded by the lock of [Bindings].
final class PastRuns {
    /// Text, and by what to tell whether it should be tried again.
    ///
    /// @param isStuck whether its code hangs
    private record Past(ModuleStatus status, long factory, long deviceService, boolean isStuck) {
        static Past of(ModuleRun run) {
            ModuleStatus status = run.status();
            boolean stuck = status.state() == State.ZOMBIE || !run.zombies().isEmpty();
            return new Past(status, run.factory(), run.deviceService(), stuck);
        }
    }

    private final Map<String, Past> byDevice = new HashMap<>();

    /// A run has ended.
    ///
    /// @param device what is there under its device's id now
    void ended(ModuleRun run, @Nullable KnownDevice device) {
        Past past = Past.of(run);
        boolean isThere = device != null && device.serviceId() == past.deviceService;
        if (isThere || past.isStuck) {
            byDevice.put(run.deviceId(), past);
        } else {
            byDevice.remove(run.deviceId());
        }
    }

    /// Code that hung has returned.
    void returned(ModuleRun run, @Nullable KnownDevice device) {
        Past past = byDevice.get(run.deviceId());
        if (past != null
                && past.factory == run.factory()
                && past.status.generation() == run.status().generation()) {
            ended(run, device);
        }
    }

    /// A device is gone.
    void gone(KnownDevice device) {
        byDevice.values().removeIf(p -> p.deviceService == device.serviceId() && !p.isStuck);
    }

    /// A device has a run again, or may have.
    void forget(String deviceId) {
        byDevice.remove(deviceId);
    }

    /// Whether this very pair has failed.
    boolean hasFailed(KnownDevice device, Driver driver) {
        Past last = byDevice.get(device.id());
        return last != null
                && last.status.state() != State.STOPPED
                && last.factory == driver.serviceId()
                && last.deviceService == device.serviceId();
    }

    List<ModuleStatus> statuses() {
        return byDevice.values().stream().map(Past::status).toList();
    }
}
