package helix.hal.sim;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which devices the machine has, from a file of lines: a keyword and its value. The default
/// profile explains each keyword.
///
/// @param memory bytes
/// @param ports root ports
/// @param seed what chances begin with
/// @param devices what is plugged, in order
record SimProfile(long memory, int ports, long seed, List<Device> devices) {
    private static final String DEFAULT = "default.profile";
    private static final String NO_DISK = "none";
    private static final String VIRTIO = "virtio:";
    private static final String VIRTIO_KIND = "virtio-blk";
    private static final long SCRATCH_SIZE = 256L << 20;
    private static final Pattern SIZE = Pattern.compile("(\\d{1,12})([KMGT]?)(?:I?B)?");
    private static final String UNITS = "KMGT";

    /// Something plugged.
    ///
    /// @param slot whether into a slot, else on the root bus
    record Device(String kind, String id, boolean slot, Map<String, String> options) {}

    /// The profile that comes with the bundle.
    static List<String> standard() {
        try (InputStream in =
                Objects.requireNonNull(SimProfile.class.getResourceAsStream(DEFAULT))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The lines of a profile.
    ///
    /// @throws DeviceException if the file cannot be read
    static List<String> read(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new DeviceException("profile " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /// Understands a profile's lines.
    ///
    /// @param disks what drives are made of: `FILE`, `null:SIZE` or `mem:SIZE`, with `virtio:`
    ///   before it for a virtio block device
    /// @throws DeviceException if one cannot be understood
    static SimProfile parse(String name, List<String> lines, List<String> disks) {
        Parser parser = new Parser();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            try {
                parser.line(line.split("\\s+", -1));
            } catch (DeviceException e) {
                throw new DeviceException(
                        "profile " + name + ", line " + (i + 1) + ": " + e.getMessage(), e);
            }
        }
        disks.forEach(parser::drive);
        List<Device> all = new ArrayList<>(parser.drives);
        all.addAll(parser.devices);
        return new SimProfile(parser.memory, parser.ports, parser.seed, List.copyOf(all));
    }

    /// The kinds that it needs.
    Set<String> kinds() {
        Set<String> kinds = new LinkedHashSet<>();
        devices.forEach(d -> kinds.add(d.kind));
        return kinds;
    }

    /// A scratch image, made if it is not there: sparse, so that it takes room as it is written.
    static String scratch(Path file) {
        Path image = file.toAbsolutePath();
        try {
            Files.createDirectories(Objects.requireNonNull(image.getParent()));
            if (!Files.exists(image)) {
                try (RandomAccessFile made = new RandomAccessFile(image.toFile(), "rw")) {
                    made.setLength(SCRATCH_SIZE);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return image.toString();
    }

    private static final class Parser {
        private long memory = SimMachine.DEFAULT_MEMORY;
        private int ports = 4;
        private long seed = 1;
        private String diskKind = "nvme";
        private Map<String, String> diskOptions = Map.of();
        private int nvmes;
        private int virtios;
        private final List<Device> drives = new ArrayList<>();
        private final List<Device> devices = new ArrayList<>();

        void line(String[] words) {
            switch (words[0]) {
                case "memory" -> memory = size(one(words));
                case "ports" -> ports = Math.toIntExact(number(one(words)));
                case "seed" -> seed = number(one(words));
                case "disk" -> {
                    require(words, 2, "disk takes a kind and options");
                    diskKind = words[1];
                    diskOptions = options(words, 2);
                }
                case "device", "slot" -> {
                    require(words, 3, words[0] + " takes a kind, an id and options");
                    devices.add(
                            new Device(
                                    words[1],
                                    words[2],
                                    words[0].equals("slot"),
                                    options(words, 3)));
                }
                default -> throw new DeviceException("'" + words[0] + "' is no keyword");
            }
        }

        private void drive(String spec) {
            if (spec.startsWith(VIRTIO)) {
                String of = spec.substring(VIRTIO.length());
                drives.add(drive(VIRTIO_KIND, "vdisk" + virtios, "vhelix" + virtios, of, Map.of()));
                virtios++;
            } else if (!diskKind.equals(NO_DISK)) {
                drives.add(drive(diskKind, diskKind + nvmes, "helix" + nvmes, spec, diskOptions));
                nvmes++;
            }
        }

        private static Device drive(
                String kind, String id, String serial, String spec, Map<String, String> more) {
            Map<String, String> options = new LinkedHashMap<>();
            options.put("serial", serial);
            boolean sized = spec.startsWith("null:") || spec.startsWith("mem:");
            options.put(sized ? "backing" : "file", spec);
            options.putAll(more);
            return new Device(kind, id, false, Map.copyOf(options));
        }

        private static void require(String[] words, int least, String otherwise) {
            if (words.length < least) {
                throw new DeviceException(otherwise);
            }
        }

        private static String one(String[] words) {
            if (words.length != 2) {
                throw new DeviceException(words[0] + " takes one value");
            }
            return words[1];
        }

        private static Map<String, String> options(String[] words, int from) {
            Map<String, String> options = new LinkedHashMap<>();
            for (int i = from; i < words.length; i++) {
                int equals = words[i].indexOf('=');
                if (equals <= 0) {
                    throw new DeviceException("'" + words[i] + "' is not OPTION=VALUE");
                }
                options.put(words[i].substring(0, equals), words[i].substring(equals + 1));
            }
            return options;
        }

        private static long number(String text) {
            try {
                return Long.decode(text);
            } catch (NumberFormatException e) {
                throw new DeviceException("'" + text + "' is no number", e);
            }
        }

        private static long size(String text) {
            Matcher form = SIZE.matcher(text.toUpperCase(Locale.ROOT));
            if (!form.matches()) {
                throw new DeviceException("'" + text + "' is no size; write 64M or 1G");
            }
            int unit = form.group(2).isEmpty() ? 0 : UNITS.indexOf(form.group(2)) + 1;
            return Long.parseLong(form.group(1)) << (10 * unit);
        }
    }
}
