package helix.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

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

    /// Stops it; its log is kept in `target/instances/`, for whoever looks for the cause of a
    /// failure.
    HelixCommand stop() throws IOException, InterruptedException {
        HelixCommand stopped = run("stop");
        Path log = folder.resolve("logs").resolve("helix.log");
        if (Files.exists(log)) {
            Path kept = Files.createDirectories(Path.of("target", "instances"));
            String time = Long.toString(System.currentTimeMillis());
            Files.copy(log, kept.resolve(time + ".log"), StandardCopyOption.REPLACE_EXISTING);
        }
        return stopped;
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
