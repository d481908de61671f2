package helix.shell.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// Fields of `/proc/meminfo`.
final class MemoryInfo {
    private MemoryInfo() {}

    /// Reads a field.
    ///
    /// @param file `/proc/meminfo`
    /// @param field such as `MemAvailable`
    /// @return its number, without its unit; empty if it is not there
    static OptionalLong field(Path file, String field) {
        try {
            return Files.readAllLines(file).stream()
                    .filter(l -> l.startsWith(field + ":"))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D+", "")))
                    .findFirst();
        } catch (IOException | NumberFormatException e) {
            return OptionalLong.empty();
        }
    }
}
