package helix.shell.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How many files this process may open; each interrupt vector takes one.
///
/// @param limits `/proc/self/limits`
record OpenFilesCheck(Path limits) implements Check {
    private static final Pattern LINE = Pattern.compile("Max open files\\s+(\\S+)\\s+(\\S+)");
    private static final long NEEDED = 1024;

    @Override
    public String name() {
        return "open files";
    }

    @Override
    public Result run() {
        try {
            Matcher m = LINE.matcher(Files.readString(limits));
            if (!m.find()) {
                return Result.warn(limits + " names no limit", "check ulimit -n");
            }
            String soft = m.group(1);
            return soft.equals("unlimited") || Long.parseLong(soft) >= NEEDED
                    ? Result.ok("at most " + soft)
                    : Result.warn(
                            "at most " + soft + ", " + NEEDED + " wanted",
                            "run ulimit -n " + NEEDED + " before ./helix");
        } catch (IOException | NumberFormatException e) {
            return Result.warn("cannot read " + limits, "mount /proc");
        }
    }
}
