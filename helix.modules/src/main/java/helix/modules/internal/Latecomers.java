package helix.modules.internal;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Drivers whose factories are still to come. With the first device of a kind the component runtime
/// registers the factories of all its drivers, one after the other: the device is not given to the
/// first because the best of them is the last. Guarded by the lock of [Bindings].
final class Latecomers {
    /// The longest that a device waits for a better driver; one whose needs seem to be met may not
    /// come all the same.
    static final Duration PATIENCE = Duration.ofSeconds(1);

    /// Since when devices wait, by service.
    private final Map<Long, Long> since = new HashMap<>();

    /// Those that are here and those that are about to come, in their order.
    static List<Driver> with(List<Driver> drivers, List<Driver> coming) {
        List<Driver> all = new ArrayList<>(drivers);
        coming.stream()
                .filter(c -> c.factory() == null && drivers.stream().noneMatch(c::isSame))
                .forEach(all::add);
        all.sort(Driver.ORDER);
        return all;
    }

    /// Whether a device waits for the best of its drivers.
    ///
    /// @param best of all, those that are about to come among them
    boolean isWaitedFor(KnownDevice device, @Nullable Driver best, long nanoTime) {
        if (best == null || best.factory() != null) {
            return false;
        }
        long began = since.computeIfAbsent(device.serviceId(), _ -> nanoTime);
        return nanoTime - began < PATIENCE.toNanos();
    }

    /// Forgets a device.
    void forget(KnownDevice device) {
        since.remove(device.serviceId());
    }
}
