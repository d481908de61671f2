package helix.integration;

import static org.junit.Assume.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// Whether QEMU is there to test with.
final class Qemu {
    static final String PROGRAM = "qemu-system-x86_64";

    private Qemu() {}

    static void assumePresent() {
        assumeTrue(
                "skipped: " + PROGRAM + " is not installed (./helix setup installs it)",
                Arrays.stream(System.getenv("PATH").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM))));
    }

    /// QEMU processes on this machine whose command line contains the text.
    static long running(String text) {
        return ProcessHandle.allProcesses()
                .filter(p -> p.info().commandLine().orElse("").contains(PROGRAM))
                .filter(p -> p.info().commandLine().orElse("").contains(text))
                .filter(ProcessHandle::isAlive)
                .count();
    }
}
