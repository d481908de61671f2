package helix.shell.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The folder for the control socket: whoever can enter it can do everything.
///
/// @param folder where it is, null if nobody said
record PrivateFolderCheck(@Nullable Path folder) implements Check {
    private static final Set<PosixFilePermission> OWNER =
            PosixFilePermissions.fromString("rwx------");

    @Override
    public String name() {
        return "private folder";
    }

    @Override
    public Result run() {
        if (folder == null || !Files.isDirectory(folder)) {
            return Result.ok("not in use");
        }
        try {
            Set<PosixFilePermission> found = Files.getPosixFilePermissions(folder);
            return OWNER.containsAll(found)
                    ? Result.ok(folder + " is its owner's alone")
                    : Result.fail(
                            "%s is open to others (%s)"
                                    .formatted(folder, PosixFilePermissions.toString(found)),
                            "chmod 700 " + folder);
        } catch (IOException | UnsupportedOperationException e) {
            return Result.warn("cannot tell who may enter " + folder, "use a local file system");
        }
    }
}
