package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/// The supervision, with other programs in QEMU's place.
class QemuProcessTest {
    private static final List<String> SLEEP = List.of("sleep", "600");

    @Test
    void closeKills() {
        QemuProcess process = QemuProcess.start(SLEEP, _ -> {});
        assertThat(ProcessHandle.of(process.pid())).isPresent();
        process.close();
        process.close();
        assertThat(ProcessHandle.of(process.pid())).isEmpty();
        assertThat(process.isAlive()).isFalse();
        assertThat(process.ending()).isEqualTo("killed by signal 9");
    }

    @Test
    void closeKillsAStoppedProcessToo() {
        QemuProcess process = QemuProcess.start(SLEEP, _ -> {});
        process.stop();
        process.close();
        assertThat(ProcessHandle.of(process.pid())).isEmpty();
    }

    @Test
    void processEndsWithItsSupervisor() {
        assumeTrue(QemuProcess.find("setpriv").isPresent(), "setpriv is not installed");
        try (QemuProcess process = QemuProcess.start(SLEEP, _ -> {})) {
            // Not while setpriv is still about to ask for the signal.
            await(() -> name(process.pid()).equals("sleep"));
            ProcessHandle.of(process.supervisorPid()).orElseThrow().destroyForcibly();
            await(() -> !isRunning(process.pid()));
        }
    }

    private static String name(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/comm")).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A dead process that nobody has waited for yet counts as ended.
    private static boolean isRunning(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return !stat.startsWith("Z", stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            return false;
        }
    }

    private static void await(BooleanSupplier condition) {
        Deadline deadline = Deadline.afterMillis(5000);
        while (!condition.getAsBoolean()) {
            assertThat(deadline.isExpired()).isFalse();
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void endIsToldWithItsOwnWords() {
        CompletableFuture<String> ending = new CompletableFuture<>();
        List<String> command =
                List.of(
                        "sh",
                        "-c",
                        "echo 'x: warning: hm' >&2; echo 'x: no such thing' >&2; exit 1");
        try (var _ = QemuProcess.start(command, ended -> ending.complete(ended.ending()))) {
            assertThat(ending).succeedsWithin(5, TimeUnit.SECONDS).isEqualTo("x: no such thing");
        }
    }

    @Test
    void silentEndIsToldByItsStatus() {
        CompletableFuture<String> ending = new CompletableFuture<>();
        try (var _ =
                QemuProcess.start(
                        List.of("sh", "-c", "exit 3"), ended -> ending.complete(ended.ending()))) {
            assertThat(ending).succeedsWithin(5, TimeUnit.SECONDS).isEqualTo("exit status 3");
        }
    }

    @Test
    void missingProgramIsNamed() {
        assertThatThrownBy(() -> QemuProcess.start(List.of("no-such-qemu"), _ -> {}))
                .isInstanceOf(DeviceException.class)
                .hasMessage("no-such-qemu is not installed");
    }
}
