package helix.modules.internal;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The numbers of devices among those of a prefix: the first free one for a device not seen before,
/// and the same for as long as the platform lives.
final class Units {
    private final Map<String, Map<String, Integer>> byPrefix = new HashMap<>();

    /// Whether a device has its number.
    boolean has(String prefix, String deviceId) {
        Map<String, Integer> units = byPrefix.get(prefix);
        return units != null && units.containsKey(deviceId);
    }

    int of(String prefix, String deviceId) {
        Map<String, Integer> units = byPrefix.computeIfAbsent(prefix, _ -> new HashMap<>());
        return units.computeIfAbsent(
                deviceId,
                _ -> {
                    Set<Integer> taken = new TreeSet<>(units.values());
                    int unit = 0;
                    while (taken.contains(unit)) {
                        unit++;
                    }
                    return unit;
                });
    }
}
