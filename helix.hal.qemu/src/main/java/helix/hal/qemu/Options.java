package helix.hal.qemu;

import helix.hal.api.DeviceException;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The settings of a plug or a fault, as a person typed them.
final class Options {
    private Options() {}

    /// Refuses settings that mean nothing, so that a slip of the pen is not lost.
    static void check(Map<String, String> options, Set<String> known) {
        for (String name : options.keySet()) {
            if (!known.contains(name)) {
                throw new DeviceException(
                        "'" + name + "' is no option here; there is: " + new TreeSet<>(known));
            }
        }
    }

    /// A whole number that is not negative.
    static long number(Map<String, String> options, String name, long otherwise) {
        String text = options.get(name);
        if (text == null) {
            return otherwise;
        }
        try {
            long value = Long.parseLong(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new DeviceException(name + "=" + text + " is no number", e);
        }
        throw new DeviceException(name + "=" + text + " is negative");
    }
}
