package helix.hal.qemu;

import helix.hal.api.DeviceException;
import helix.hal.api.PlatformDevice.PortRange;
import helix.hal.api.machine.Machine.PlatformResource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which devices the machine has, from a file of lines: a keyword and its value. The default
/// profile explains each keyword.
///
/// @param memory bytes of RAM
/// @param disk the QEMU device made for each drive, empty for none
/// @param media further block nodes, name to what they are made of
/// @param options QEMU options in the order of the file
/// @param platform devices that no bus enumerates
record MachineProfile(
        long memory,
        Optional<String> disk,
        Map<String, DiskSpec> media,
        List<Option> options,
        List<PlatformResource> platform) {

    /// An option of QEMU's.
    ///
    /// @param name without the dash
    /// @param value may be empty
    record Option(String name, String value) {
        /// The value's `key=value` parts; the driver of a device, which has no key, is not among
        /// them.
        Map<String, String> properties() {
            Map<String, String> properties = new LinkedHashMap<>();
            for (String part : value.split(",", -1)) {
                int equals = part.indexOf('=');
                if (equals > 0) {
                    properties.put(part.substring(0, equals), part.substring(equals + 1));
                }
            }
            return properties;
        }

        /// The driver of a `device` option.
        String driver() {
            return value.split(",", 2)[0];
        }
    }

    private static final String DEFAULT = "default.profile";
    private static final long DEFAULT_MEMORY = 256L << 20;
    private static final long MAX_MEMORY = 2048L << 20;
    private static final String NO_DISK = "none";

    /// What this machine sets itself and a profile may not.
    private static final Set<String> OWN =
            Set.of(
                    "accel",
                    "bios",
                    "daemonize",
                    "display",
                    "kernel",
                    "M",
                    "m",
                    "machine",
                    "memory",
                    "mon",
                    "monitor",
                    "nodefaults",
                    "pidfile",
                    "qmp",
                    "qtest",
                    "qtest-log",
                    "S");

    private static final Pattern OPTION = Pattern.compile("[a-zA-Z][a-zA-Z0-9-]*");
    private static final Pattern PLATFORM =
            Pattern.compile("(\\w+)\\s+([A-Z]{3}[0-9A-F]{4})((?:\\s+\\w+=\\S+)*)");

    /// The profile that comes with the bundle.
    static MachineProfile standard() {
        try (InputStream in =
                Objects.requireNonNull(MachineProfile.class.getResourceAsStream(DEFAULT))) {
            return parse(
                    DEFAULT,
                    new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Reads a profile.
    ///
    /// @throws DeviceException if the file cannot be read or a line cannot be understood
    static MachineProfile read(Path file) {
        try {
            return parse(file.toString(), Files.readAllLines(file));
        } catch (IOException e) {
            throw new DeviceException("profile " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /// Understands a profile's lines.
    ///
    /// @param name what messages call it
    static MachineProfile parse(String name, List<String> lines) {
        Parser parser = new Parser();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            try {
                parser.line(line);
            } catch (DeviceException e) {
                throw new DeviceException(
                        "profile " + name + ", line " + (i + 1) + ": " + e.getMessage(), e);
            }
        }
        return parser.profile();
    }

    private static final class Parser {
        private long memory = DEFAULT_MEMORY;
        private Optional<String> disk = Optional.of("nvme");
        private final Map<String, DiskSpec> media = new LinkedHashMap<>();
        private final List<Option> options = new ArrayList<>();
        private final List<PlatformResource> platform = new ArrayList<>();

        void line(String line) {
            String[] parts = line.split("\\s+", 2);
            String value = parts.length == 2 ? parts[1] : "";
            switch (parts[0]) {
                case "memory" -> memory(value);
                case "disk" -> disk = Optional.of(value).filter(d -> !d.equals(NO_DISK));
                case "media" -> media(value);
                case "platform" -> platform.add(platform(value));
                default -> option(parts[0], value);
            }
        }

        private void memory(String value) {
            memory = DiskSpec.Sizes.parse(value);
            if (memory < 16L << 20 || memory > MAX_MEMORY || memory % (1 << 20) != 0) {
                throw new DeviceException(
                        "memory is " + value + ", not from 16M to 2G in whole megabytes");
            }
        }

        private void media(String value) {
            String[] parts = value.split("\\s+", 2);
            if (parts.length < 2) {
                throw new DeviceException("media takes a name and FILE, null:SIZE or mem:SIZE");
            }
            if (media.put(parts[0], DiskSpec.parse(parts[1])) != null) {
                throw new DeviceException("media " + parts[0] + " is there twice");
            }
        }

        private void option(String name, String value) {
            if (OWN.contains(name)) {
                throw new DeviceException("'" + name + "' is set by Helix");
            }
            if (!OPTION.matcher(name).matches()) {
                throw new DeviceException("'" + name + "' is no keyword");
            }
            options.add(new Option(name, value));
        }

        private static PlatformResource platform(String value) {
            Matcher form = PLATFORM.matcher(value);
            if (!form.matches()) {
                throw new DeviceException(
                        "platform takes a name, a PNP id, ports=BASE+COUNT and lines=N,"
                                + " not '"
                                + value
                                + "'");
            }
            List<PortRange> ports = new ArrayList<>();
            List<Integer> lines = new ArrayList<>();
            for (String setting : form.group(3).strip().split("\\s+", -1)) {
                String[] parts = setting.split("=", 2);
                switch (parts[0]) {
                    case "" -> {}
                    case "ports" ->
                            Arrays.stream(parts[1].split(",", -1))
                                    .map(Parser::range)
                                    .forEach(ports::add);
                    case "lines" ->
                            Arrays.stream(parts[1].split(",", -1))
                                    .map(Parser::number)
                                    .forEach(lines::add);
                    default -> throw new DeviceException("'" + parts[0] + "' is no setting");
                }
            }
            return new PlatformResource(
                    form.group(1), form.group(2), List.copyOf(ports), List.copyOf(lines));
        }

        private static PortRange range(String text) {
            String[] parts = text.split("\\+", 2);
            return new PortRange(number(parts[0]), parts.length == 2 ? number(parts[1]) : 1);
        }

        private static int number(String text) {
            try {
                return Integer.decode(text);
            } catch (NumberFormatException e) {
                throw new DeviceException("'" + text + "' is no number", e);
            }
        }

        MachineProfile profile() {
            return new MachineProfile(
                    memory, disk, Map.copyOf(media), List.copyOf(options), List.copyOf(platform));
        }
    }
}
