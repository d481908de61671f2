package helix.integration;

import java.io.IOException;
import java.nio.file.Path;

/// A platform in the background, as `./helix start` leaves it.
///
/// @param folder its instance directory
record RunningInstance(Path folder) {
    /// Starts one on QEMU with this image as its first drive.
    static RunningInstance start(Path folder, Path image) throws IOException, InterruptedException {
        RunningInstance instance = new RunningInstance(folder);
        instance.run("start", "--machine", "qemu", "--disk", image.toString()).succeeds();
        return instance;
    }

    HelixCommand ctl(String command) throws IOException, InterruptedException {
        return run("ctl", command);
    }

    HelixCommand stop() throws IOException, InterruptedException {
        return run("stop");
    }

    /// Runs a call of the command line that takes an instance.
    HelixCommand run(String call, String... arguments) throws IOException, InterruptedException {
        String[] all = new String[arguments.length + 3];
        all[0] = call;
        all[1] = "--instance";
        all[2] = folder.toString();
        System.arraycopy(arguments, 0, all, 3, arguments.length);
        return HelixCommand.run(all);
    }
}
