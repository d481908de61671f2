package helix.integration;

import static org.junit.Assume.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

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
        return all(text).count();
    }

    /// The QEMU process whose command line contains the text.
    static ProcessHandle find(String text) {
        return all(text).findFirst().orElseThrow(() -> new AssertionError("no QEMU with " + text));
    }

    private static Stream<ProcessHandle> all(String text) {
        return ProcessHandle.allProcesses()
                .filter(p -> p.info().command().orElse("").endsWith(PROGRAM))
                .filter(p -> p.info().commandLine().orElse("").contains(text))
                .filter(ProcessHandle::isAlive);
    }
}
