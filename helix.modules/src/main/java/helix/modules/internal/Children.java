package helix.modules.internal;

import helix.hal.api.Deadline;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The devices that a bus driver's module has found behind its own, and those behind them. They go
/// with it: their modules are stopped, the deepest first, and bound anew to what the next
/// generation finds.
final class Children {
    /// How long it may take to withdraw devices, whose modules stop meanwhile or are fenced.
    static final Duration WITHDRAW_LIMIT = Duration.ofSeconds(20);

    private static final Duration STOP_LIMIT = Duration.ofSeconds(5);

    private final Bindings bindings;
    private final List<String> devices = new ArrayList<>();

    Children(Bindings bindings) {
        this.bindings = bindings;
    }

    /// Finds them.
    void of(@Nullable ModuleRun run) {
        if (run == null) {
            return;
        }
        for (String child : run.children()) {
            if (!devices.contains(child)) {
                devices.add(child);
                of(bindings.run(child));
            }
        }
    }

    boolean isEmpty() {
        return devices.isEmpty();
    }

    /// Stops what drives them, and keeps them unbound.
    void stop(Deadline deadline) {
        if (devices.isEmpty()) {
            return;
        }
        bindings.block(devices, true);
        for (String device : devices.reversed()) {
            ModuleRun run = bindings.run(device);
            if (run != null) {
                long nanos = Math.min(deadline.remainingNanos(), STOP_LIMIT.toNanos());
                run.stop(Cause.stop(STOP_LIMIT), Duration.ofNanos(nanos));
            }
        }
    }

    /// Lets those that are still there be bound.
    void release() {
        if (!devices.isEmpty()) {
            bindings.block(devices, false);
        }
    }
}
