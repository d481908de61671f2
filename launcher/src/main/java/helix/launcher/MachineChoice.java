package helix.launcher;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/// Which machine `--machine` means here and now.
///
/// @param name `qemu`, `sim`, `vfio` or `none`
/// @param notice what the user should know about the choice, empty when all is well
record MachineChoice(String name, String notice) {
    /// QEMU's program.
    static final String QEMU = "qemu-system-x86_64";

    private static final List<String> KNOWN = List.of("auto", "sim", "qemu", "vfio");

    /// Decides.
    ///
    /// @param wanted what the user said
    /// @param present whether this build has a machine
    /// @param onPath whether a program is installed
    static MachineChoice of(String wanted, Predicate<String> present, Predicate<String> onPath) {
        return switch (wanted) {
            case "auto" -> automatic(present, onPath);
            case "qemu" -> {
                if (!present.test("qemu")) {
                    throw new Failure("--machine qemu: not part of this build");
                }
                if (!onPath.test(QEMU)) {
                    throw new Failure(
                            "--machine qemu: no "
                                    + QEMU
                                    + " on the PATH; `./helix setup` installs QEMU");
                }
                yield new MachineChoice("qemu", "");
            }
            case "sim", "vfio" -> {
                if (!present.test(wanted)) {
                    throw new Failure("--machine " + wanted + ": not part of this build");
                }
                yield new MachineChoice(wanted, "");
            }
            case "none" -> new MachineChoice("none", "");
            default ->
                    throw new Failure(
                            "--machine "
                                    + wanted
                                    + ": no such machine; there are "
                                    + String.join(", ", KNOWN));
        };
    }

    private static MachineChoice automatic(Predicate<String> present, Predicate<String> onPath) {
        if (present.test("qemu") && onPath.test(QEMU)) {
            return new MachineChoice("qemu", "");
        }
        if (present.test("sim")) {
            return new MachineChoice(
                    "sim",
                    "there is no "
                            + QEMU
                            + " on the PATH: this is the embedded machine, sim; `./helix setup`"
                            + " installs QEMU.");
        }
        return new MachineChoice(
                "none",
                "no machine: there is no "
                        + QEMU
                        + " on the PATH; `./helix setup` installs QEMU. Going on without devices.");
    }

    /// Where a program is, by the PATH of this process.
    static Optional<Path> program(String name) {
        String path = System.getenv("PATH");
        return Arrays.stream((path == null ? "" : path).split(File.pathSeparator))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
