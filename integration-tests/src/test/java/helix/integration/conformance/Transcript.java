package helix.integration.conformance;

import java.util.ArrayList;
import java.util.List;

/// What a device let be seen while a script ran, line by line. Addresses, times and names that may
/// differ from machine to machine are not written down.
final class Transcript {
    private final List<String> lines = new ArrayList<>();

    /// Writes a line down.
    void say(String format, Object... arguments) {
        lines.add(format.formatted(arguments));
    }

    List<String> lines() {
        return List.copyOf(lines);
    }
}
