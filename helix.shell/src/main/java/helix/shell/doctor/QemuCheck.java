package helix.shell.doctor;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The QEMU that is installed.
///
/// @param program where it is, empty if it is not installed
/// @param version the first line that a program prints when asked for its version
/// @param machine the machine that was chosen, null if nobody said
record QemuCheck(Optional<Path> program, Function<Path, String> version, @Nullable String machine)
        implements Check {
    private static final Pattern VERSION = Pattern.compile("version (\\d+)\\.(\\d+)");
    private static final int OLDEST = 702;
    private static final int NEWEST = 1199;

    @Override
    public String name() {
        return "qemu";
    }

    @Override
    public Result run() {
        if (program.isEmpty()) {
            String finding = "qemu-system-x86_64 is not installed";
            return "qemu".equals(machine)
                    ? Result.fail(finding, "run ./helix setup, or use --machine sim")
                    : Result.warn(
                            finding + "; the embedded machine (sim) needs nothing",
                            "run ./helix setup to have QEMU's devices too");
        }
        String line = version.apply(program.get());
        Matcher m = VERSION.matcher(line);
        if (!m.find()) {
            return Result.fail(program.get() + " does not tell its version", "run ./helix setup");
        }
        int release = Integer.parseInt(m.group(1)) * 100 + Integer.parseInt(m.group(2));
        String found = m.group(1) + "." + m.group(2) + ", " + program.get();
        if (release < OLDEST) {
            return Result.fail(found + " is older than 7.2", "install QEMU 7.2 to 11");
        }
        return release > NEWEST
                ? Result.warn(found + " is newer than what was tried", "install QEMU 7.2 to 11")
                : Result.ok(found);
    }
}
