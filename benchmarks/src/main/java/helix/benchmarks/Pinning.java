package helix.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Which processor a thread runs on.
final class Pinning {
    private Pinning() {}

    /// Keeps the calling thread on a processor, where `taskset` is installed and there are several.
    /// The JVM's other threads stay where they like.
    static void thisThread(int cpu) throws IOException, InterruptedException {
        if (Backend.find("taskset") == null || Runtime.getRuntime().availableProcessors() <= cpu) {
            return;
        }
        // Reads "PID/task/TID".
        String thread =
                Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
        Process taskset =
                new ProcessBuilder("taskset", "-cp", Integer.toString(cpu), thread)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        int status = taskset.waitFor();
        if (status != 0) {
            throw new IllegalStateException("taskset could not move thread " + thread);
        }
    }
}
