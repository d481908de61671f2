package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Settings by name; one that nobody asked for is an error.
final class Options {
    private final Map<String, String> left;

    Options(Map<String, String> given) {
        left = new HashMap<>(given);
    }

    @Nullable String text(String name) {
        return left.remove(name);
    }

    String text(String name, String otherwise) {
        String value = left.remove(name);
        return value == null ? otherwise : value;
    }

    boolean has(String name) {
        return left.containsKey(name);
    }

    boolean flag(String name, boolean otherwise) {
        String value = left.remove(name);
        if (value == null) {
            return otherwise;
        }
        return switch (value) {
            case "on", "true", "yes", "1" -> true;
            case "off", "false", "no", "0" -> false;
            default -> throw new DeviceException(name + " is on or off, not " + value);
        };
    }

    long number(String name, long otherwise, long least, long most) {
        String value = left.remove(name);
        if (value == null) {
            return otherwise;
        }
        long number = parse(name, value);
        if (number < least || number > most) {
            throw new DeviceException("%s is %d to %d, not %s".formatted(name, least, most, value));
        }
        return number;
    }

    /// A number of bytes, `64M`.
    long size(String name, long otherwise) {
        String value = left.remove(name);
        if (value == null) {
            return otherwise;
        }
        return bytes(name, value);
    }

    static long bytes(String name, String value) {
        String text = value.toUpperCase(Locale.ROOT);
        int shift =
                switch (text.isEmpty() ? ' ' : text.charAt(text.length() - 1)) {
                    case 'K' -> 10;
                    case 'M' -> 20;
                    case 'G' -> 30;
                    case 'T' -> 40;
                    default -> 0;
                };
        long number = parse(name, shift == 0 ? text : text.substring(0, text.length() - 1));
        if (number <= 0 || number > Long.MAX_VALUE >> shift) {
            throw new DeviceException(name + " is a size such as 64M, not " + value);
        }
        return number << shift;
    }

    private static long parse(String name, String value) {
        try {
            return Long.decode(value);
        } catch (NumberFormatException e) {
            throw new DeviceException(name + " is a number, not " + value, e);
        }
    }

    /// All options were asked for.
    void end() {
        if (!left.isEmpty()) {
            throw new DeviceException("no option " + String.join(", ", left.keySet()));
        }
    }
}
