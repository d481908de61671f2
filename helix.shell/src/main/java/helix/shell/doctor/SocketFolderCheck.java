package helix.shell.doctor;

import java.nio.file.Files;
import java.nio.file.Path;

/// Where a machine makes its own private folder for sockets, whose paths must be short.
///
/// @param folder `XDG_RUNTIME_DIR` or the one for temporary files
record SocketFolderCheck(Path folder) implements Check {
    @Override
    public String name() {
        return "sockets";
    }

    @Override
    public Result run() {
        return Files.isDirectory(folder) && Files.isWritable(folder)
                ? Result.ok(folder + " is writable")
                : Result.fail(
                        folder + " is not writable",
                        "set XDG_RUNTIME_DIR to a short path of a folder of your own");
    }
}
