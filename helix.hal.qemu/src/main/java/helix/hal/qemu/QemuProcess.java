package helix.hal.qemu;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A QEMU process that never outlives this JVM.
///
/// Between the two stands a small `sh`. Its standard input is a pipe from the JVM, and the kernel
/// closes that pipe however the JVM ends: then `sh` kills QEMU with SIGKILL, which ends a stopped
/// process too. If `sh` itself is killed, QEMU's parent-death signal does the same where `setpriv`
/// is installed. All of it runs in a session of its own, so that a Ctrl-C at the terminal is
/// Helix's business alone.
final class QemuProcess implements AutoCloseable {
    /// Starts the arguments in the background, prints the process id, sends it each signal named on
    /// standard input, kills it at the end of that input, and ends as it ended.
    private static final String SUPERVISOR =
            """
            exec 3<&0 </dev/null
            "$@" 3<&- >&2 &
            child=$!
            (
              while read -r signal <&3; do kill -s "$signal" "$child"; done
              kill -s KILL "$child"
            ) >/dev/null 2>&1 &
            watcher=$!
            exec 3<&-
            echo "$child"
            exec >&-
            { wait "$child"; } 2>/dev/null
            status=$?
            kill "$watcher" 2>/dev/null
            exit "$status"
            """;

    private static final long START_MILLIS = 5_000;
    private static final long END_MILLIS = 1_000;
    private static final long STOP_MILLIS = 5_000;
    private static final long SIGNAL_MILLIS = 2_000;
    private static final int SIGNAL_BASE = 128;
    private static final int KEPT_LINES = 20;

    private static final Logger LOG = LoggerFactory.getLogger(QemuProcess.class);

    private final Process supervisor;
    private final OutputStream signals;
    private final Thread errorReader;
    private final List<String> errors = new ArrayList<>();
    private final long pid;

    private QemuProcess(Process supervisor) {
        this.supervisor = supervisor;
        this.signals = supervisor.getOutputStream();
        errorReader =
                Thread.ofPlatform().daemon().name("helix-qemu-stderr").start(this::readErrors);
        try {
            pid = Long.parseLong(firstLine());
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /// Starts QEMU.
    ///
    /// @param command the program and its arguments
    /// @param ended called once, on a thread of the JDK's, when it ended however it did
    /// @throws DeviceException if it cannot be started, with the reason
    static QemuProcess start(List<String> command, Consumer<QemuProcess> ended) {
        String program = command.getFirst();
        if (find(program).isEmpty()) {
            throw new DeviceException(program + " is not installed");
        }
        List<String> line = new ArrayList<>();
        if (find("setsid").isPresent()) {
            line.add("setsid");
        }
        line.addAll(List.of("sh", "-c", SUPERVISOR, "helix-qemu"));
        if (find("setpriv").isPresent()) {
            line.addAll(List.of("setpriv", "--pdeathsig", "KILL", "--"));
        }
        line.addAll(command);
        try {
            QemuProcess process = new QemuProcess(new ProcessBuilder(line).start());
            var _ = process.supervisor.onExit().thenAccept(_ -> ended.accept(process));
            return process;
        } catch (IOException e) {
            throw new DeviceException("cannot start " + program + ": " + e.getMessage(), e);
        }
    }

    /// Looks a program up as a shell would.
    static Optional<Path> find(String program) {
        if (program.indexOf('/') >= 0) {
            return Optional.of(Path.of(program)).filter(Files::isExecutable);
        }
        String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
        return Arrays.stream(path.split(":"))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /// QEMU's process id.
    long pid() {
        return pid;
    }

    /// The id of the `sh` between QEMU and this JVM.
    long supervisorPid() {
        return supervisor.pid();
    }

    boolean isAlive() {
        return supervisor.isAlive();
    }

    /// Sends QEMU a signal.
    ///
    /// @param name its name without SIG: `STOP`
    void signal(String name) {
        try {
            signals.write((name + "\n").getBytes(StandardCharsets.US_ASCII));
            signals.flush();
        } catch (IOException e) {
            throw new DeviceException("QEMU's supervisor is gone: " + e.getMessage(), e);
        }
    }

    /// Stops QEMU, as if its processor stood still. Returns when it has stopped.
    void stop() {
        signal("STOP");
        Deadline deadline = Deadline.afterMillis(SIGNAL_MILLIS);
        while (!isStopped()) {
            if (deadline.isExpired()) {
                throw new DeviceTimeoutException("QEMU does not stop");
            }
            LockSupport.parkNanos(100_000);
        }
    }

    /// Lets a stopped QEMU go on.
    void resume() {
        signal("CONT");
    }

    private boolean isStopped() {
        try {
            // "PID (NAME) STATE ...", see proc_pid_stat(5)
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return stat.startsWith("T", stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            throw new DeviceException("QEMU is gone: " + ending(), e);
        }
    }

    /// Waits for QEMU's end where the end of a connection announced it.
    ///
    /// @return whether it ended
    boolean awaitEnd() {
        try {
            return supervisor.waitFor(END_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// How QEMU ended, in one line: its own error message if it printed one.
    String ending() {
        if (supervisor.isAlive()) {
            return "running";
        }
        await(errorReader, 500);
        Optional<String> message = message();
        if (message.isPresent()) {
            return message.get();
        }
        int status = supervisor.exitValue();
        return status > SIGNAL_BASE
                ? "killed by signal " + (status - SIGNAL_BASE)
                : "exit status " + status;
    }

    /// [#ending()] as a status tells it.
    String explanation() {
        return "QEMU ended: " + ending();
    }

    /// The first complaint on QEMU's standard error, which names the cause; later ones follow from
    /// it.
    private Optional<String> message() {
        synchronized (errors) {
            return errors.stream()
                    .filter(line -> !line.isBlank() && !line.contains(": warning: "))
                    .findFirst();
        }
    }

    /// Kills QEMU and waits until it is gone. A second call does nothing.
    @Override
    public void close() {
        try {
            signals.close();
        } catch (IOException e) {
            LOG.debug("QEMU's supervisor was gone before: {}", e.getMessage());
        }
        boolean interrupted = Thread.interrupted();
        try {
            if (!supervisor.waitFor(STOP_MILLIS, TimeUnit.MILLISECONDS)) {
                LOG.error("QEMU, process {}, does not die; killing its supervisor", pid);
                supervisor.destroyForcibly();
            }
        } catch (InterruptedException e) {
            interrupted = true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        await(errorReader, 500);
    }

    private String firstLine() {
        try (BufferedReader reader = supervisor.inputReader()) {
            // The supervisor prints the line at once or ends; both end this read.
            @Nullable String line = reader.readLine();
            if (line == null) {
                supervisor.waitFor(START_MILLIS, TimeUnit.MILLISECONDS);
                throw new DeviceException("QEMU's supervisor did not start: " + ending());
            }
            return line;
        } catch (IOException e) {
            throw new DeviceException("QEMU's supervisor did not start: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while QEMU started", e);
        }
    }

    private void readErrors() {
        try (Stream<String> lines = supervisor.errorReader().lines()) {
            lines.forEach(line -> {
                LOG.info("{}", line);
                synchronized (errors) {
                    if (errors.size() < KEPT_LINES) {
                        errors.add(line);
                    }
                }
            });
        } catch (UncheckedIOException e) {
            LOG.debug("QEMU's standard error broke: {}", e.getMessage());
        }
    }

    private static void await(Thread thread, long millis) {
        try {
            boolean _ = thread.join(Duration.ofMillis(millis));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
