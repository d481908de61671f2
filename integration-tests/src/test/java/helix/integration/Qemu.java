package helix.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.AssumptionViolatedException;

/// Whether QEMU is there to test with.
final class Qemu {
    static final String PROGRAM = "qemu-system-x86_64";

    private Qemu() {}

    static boolean isPresent() {
        return Arrays.stream(System.getenv("PATH").split(":"))
                .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM)));
    }

    /// Why a test is skipped.
    static AssumptionViolatedException absence() {
        return new AssumptionViolatedException(
                "skipped: " + PROGRAM + " is not installed (./helix setup installs it)");
    }

    static void assumePresent() {
        if (!isPresent()) {
            throw absence();
        }
    }

    /// QEMU processes on this machine whose command line contains the text.
    static long running(String text) {
        return all(text).count();
    }

    /// QEMU processes that this process started.
    static long runningUnder(ProcessHandle process) {
        return process.descendants().filter(p -> commandLine(p).startsWith(PROGRAM)).count();
    }

    /// The QEMU process whose command line contains the text.
    static ProcessHandle find(String text) {
        return all(text).findFirst().orElseThrow(() -> new AssertionError("no QEMU with " + text));
    }

    private static Stream<ProcessHandle> all(String text) {
        return ProcessHandle.allProcesses()
                .filter(ProcessHandle::isAlive)
                .filter(p -> commandLine(p).startsWith(PROGRAM) && commandLine(p).contains(text));
    }

    /// From /proc: `ProcessHandle.Info` cuts a command line after 4096 bytes.
    private static String commandLine(ProcessHandle process) {
        try {
            String line =
                    Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"));
            return line.substring(line.lastIndexOf('/', Math.max(0, line.indexOf('\0'))) + 1);
        } catch (IOException e) {
            return ""; // it has just ended, or is another user's
        }
    }
}
