package helix.modules.internal;

import helix.hal.api.ChildDevice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What is worth a wait before a device is bound: devices before it, and drivers whose factories
/// are still to come. With the first device of a kind the component runtime registers the factories
/// of all its drivers, one after the other: the device is not given to the first because the best
/// of them is the last. Guarded by the lock of [Bindings].
final class Latecomers {
    /// The longest that a device waits for a better driver; one whose needs seem to be met may not
    /// come all the same.
    static final Duration PATIENCE = Duration.ofSeconds(1);

    /// Those that wait for a better driver, by service.
    private final Map<Long, Waiting> waiting = new HashMap<>();

    /// Since when they wait for their turn, by service.
    private final Map<Long, Long> queuing = new HashMap<>();

    /// A device that waits for a better driver.
    ///
    /// @param deviceId the device
    /// @param factory that of the driver which it gets if none comes
    /// @param began when that was first so
    private record Waiting(String deviceId, long factory, long began) {
        boolean isOver(long nanoTime) {
            return nanoTime - began >= PATIENCE.toNanos();
        }
    }

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
    /// @param here the best of those that are here
    /// @param best of all, those that are about to come among them
    boolean isWaitedFor(KnownDevice device, Driver here, @Nullable Driver best, long nanoTime) {
        if (best == null || best.factory() != null) {
            return false;
        }
        return !waiting.computeIfAbsent(
                        device.serviceId(),
                        _ -> new Waiting(device.id(), here.serviceId(), nanoTime))
                .isOver(nanoTime);
    }

    /// Whether a device behind a bus waits for its number: buses are searched side by side, and
    /// what is behind the first has the first number, however long it takes to find.
    ///
    /// @param runs by device
    boolean isBeforeItsTurn(KnownDevice device, Map<String, ModuleRun> runs, long nanoTime) {
        if (!(device.device() instanceof ChildDevice child)) {
            return false;
        }
        String busId = child.parent().device().id();
        ModuleRun bus = runs.get(busId);
        if (bus == null || !isBefore(bus, runs, nanoTime)) {
            return false;
        }
        long began = queuing.computeIfAbsent(device.serviceId(), _ -> nanoTime);
        return nanoTime - began < PATIENCE.toNanos();
    }

    /// Whether a bus of the same kind comes before one, and is not searched yet: it is coming up,
    /// or waits for a better driver itself.
    private boolean isBefore(ModuleRun bus, Map<String, ModuleRun> runs, long nanoTime) {
        return runs.values().stream()
                        .filter(r -> r.factory() == bus.factory())
                        .filter(r -> r.deviceId().compareTo(bus.deviceId()) < 0)
                        .anyMatch(ModuleRun::isComingUp)
                || waiting.values().stream()
                        .filter(w -> w.factory() == bus.factory())
                        .filter(w -> w.deviceId().compareTo(bus.deviceId()) < 0)
                        .anyMatch(w -> !w.isOver(nanoTime) && !runs.containsKey(w.deviceId()));
    }

    /// Forgets a device.
    void forget(KnownDevice device) {
        queuing.remove(device.serviceId());
        waiting.remove(device.serviceId());
    }
}
