package helix.launcher;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options that say which hardware an instance has.
final class MachineOptions {
    private static final String VIRTIO = "virtio:";
    private static final Pattern SIZED_DISK = Pattern.compile("(null|mem):(\\d+)([KMGT]?)");

    @Option(
            names = "--machine",
            paramLabel = "NAME",
            defaultValue = "auto",
            description =
                    "auto, sim, qemu or vfio; auto is QEMU where it is installed, else sim, which is"
                            + " inside this process")
    String machine = "auto";

    @Option(
            names = "--profile",
            paramLabel = "FILE",
            description = "the machine profile: which devices there are")
    @Nullable Path profile;

    @Option(
            names = "--disk",
            paramLabel = "SPEC",
            description =
                    "FILE, null:SIZE or mem:SIZE (64M, 1G); virtio: before it makes it a virtio block"
                            + " device; repeatable, the first is nvme0n1; without it a scratch file")
    List<String> disks = new ArrayList<>();

    @Option(
            names = "--qemu-arg",
            paramLabel = "ARG",
            description = "one more argument for QEMU, with --machine qemu only; repeatable")
    List<String> qemuArgs = new ArrayList<>();

    /// Checks what can be checked without starting anything, and makes paths absolute: what runs
    /// later may have another working directory.
    MachineOptions checked() {
        if (profile != null) {
            profile = profile.toAbsolutePath().normalize();
            if (!Files.isReadable(profile) || Files.isDirectory(profile)) {
                throw new Failure("--profile " + profile + ": no such file, or not readable");
            }
        }
        disks = disks.stream().map(MachineOptions::disk).toList();
        return this;
    }

    private static String disk(String spec) {
        if (spec.startsWith(VIRTIO)) {
            return VIRTIO + disk(spec.substring(VIRTIO.length()));
        }
        if (spec.startsWith("null:") || spec.startsWith("mem:")) {
            if (!SIZED_DISK.matcher(spec).matches()) {
                throw new Failure(
                        "--disk "
                                + spec
                                + ": not a size; write it like "
                                + spec.substring(0, spec.indexOf(':') + 1)
                                + "64M or 1G");
            }
            return spec;
        }
        Path file = Path.of(spec).toAbsolutePath().normalize();
        if (!Files.isReadable(file) || Files.isDirectory(file)) {
            throw new Failure(
                    "--disk "
                            + spec
                            + ": no such file, or not readable; `truncate -s 1G "
                            + spec
                            + "` makes one");
        }
        return file.toString();
    }

    /// As framework properties; what was not given is absent.
    Map<String, String> properties() {
        Map<String, String> properties = new LinkedHashMap<>();
        if (profile != null) {
            properties.put("helix.profile", profile.toString());
        }
        if (!disks.isEmpty()) {
            properties.put("helix.disks", String.join("\n", disks));
        }
        if (!qemuArgs.isEmpty()) {
            properties.put("helix.qemu.args", String.join("\n", qemuArgs));
        }
        return properties;
    }

    /// As command line, for a second process with the same hardware.
    List<String> arguments() {
        List<String> arguments = new ArrayList<>(List.of("--machine=" + machine));
        if (profile != null) {
            arguments.add("--profile=" + profile);
        }
        disks.forEach(d -> arguments.add("--disk=" + d));
        qemuArgs.forEach(a -> arguments.add("--qemu-arg=" + a));
        return arguments;
    }
}
