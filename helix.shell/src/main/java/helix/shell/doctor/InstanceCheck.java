package helix.shell.doctor;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The instance's folder.
///
/// @param folder where it is, null if nobody said
/// @param writable whether a folder can be written to
record InstanceCheck(@Nullable Path folder, Predicate<Path> writable) implements Check {
    @Override
    public String name() {
        return "instance";
    }

    @Override
    public Result run() {
        if (folder == null) {
            return Result.warn("helix.instance is not set", "start with ./helix");
        }
        if (!Files.isDirectory(folder)) {
            return Result.fail(folder + " is no folder", "name another with --instance");
        }
        return writable.test(folder)
                ? Result.ok(folder + " is writable")
                : Result.fail(
                        folder + " is not writable",
                        "change its owner, or name another with --instance");
    }
}
