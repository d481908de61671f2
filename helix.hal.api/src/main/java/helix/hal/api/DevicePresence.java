package helix.hal.api;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/// Which devices are there, as those see it who outlive drivers. A device that a bus driver has
/// found is withdrawn while that driver is replaced, and comes back with the next one: its hardware
/// was there all the time. It is gone when its hardware says so, or what it is behind is gone.
///
/// Fed with device services as they come and go. Any thread.
public final class DevicePresence {
    private final Consumer<String> came;
    private final Consumer<String> gone;

    // Guarded by this.
    private final Set<String> registered = new HashSet<>();

    /// Devices that are there and have no service, and what they are behind.
    private final Map<String, String> waiting = new HashMap<>();

    /// Begins with no devices.
    ///
    /// @param came told the id of each device whose service comes
    /// @param gone told the id of each device that is gone
    public DevicePresence(Consumer<String> came, Consumer<String> gone) {
        this.came = came;
        this.gone = gone;
    }

    /// A device's service has come.
    ///
    /// @param device the device
    public void added(Device device) {
        synchronized (this) {
            registered.add(device.id());
            waiting.remove(device.id());
        }
        came.accept(device.id());
    }

    /// A device's service goes.
    ///
    /// @param device the device
    public void withdrawn(Device device) {
        List<String> lost = new ArrayList<>();
        synchronized (this) {
            registered.remove(device.id());
            if (device instanceof ChildDevice child && child.isPresent()) {
                String parent = child.parent().device().id();
                if (registered.contains(parent) || waiting.containsKey(parent)) {
                    waiting.put(child.id(), parent);
                    return;
                }
            }
            lose(device.id(), lost);
        }
        lost.forEach(gone);
    }

    private void lose(String id, List<String> lost) {
        lost.add(id);
        List<String> behind =
                waiting.entrySet().stream()
                        .filter(e -> e.getValue().equals(id))
                        .map(Map.Entry::getKey)
                        .toList();
        for (String child : behind) {
            waiting.remove(child);
            lose(child, lost);
        }
    }
}
