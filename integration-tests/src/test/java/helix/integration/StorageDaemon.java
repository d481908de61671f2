package helix.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.AssumptionViolatedException;

/// A qemu-storage-daemon that serves a file over vhost-user, until it is ended the hard way.
final class StorageDaemon implements AutoCloseable {
    private static final String PROGRAM = "qemu-storage-daemon";
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final Process process;

    private StorageDaemon(Process process) {
        this.process = process;
    }

    /// Starts one, and waits until its socket is there.
    static StorageDaemon start(Path image, Path socket) throws IOException, InterruptedException {
        boolean present =
                Arrays.stream(System.getenv("PATH").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM)));
        if (!present) {
            throw new AssumptionViolatedException(
                    "skipped: " + PROGRAM + " is not installed (./helix setup installs it)");
        }
        Files.deleteIfExists(socket);
        Process process =
                new ProcessBuilder(
                                PROGRAM,
                                "--blockdev",
                                "driver=file,node-name=d0,filename=" + image,
                                "--export",
                                "type=vhost-user-blk,id=e,node-name=d0,writable=on,addr.type=unix"
                                        + ",addr.path="
                                        + socket)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        StorageDaemon daemon = new StorageDaemon(process);
        Platform.await("the socket is there", LIMIT, () -> Files.exists(socket));
        return daemon;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    void signal(String name) throws IOException, InterruptedException {
        int rc = new ProcessBuilder("kill", "-" + name, "" + process.pid()).start().waitFor();
        if (rc != 0) {
            throw new IOException("kill -" + name + " ended with " + rc);
        }
    }

    /// Ends it with SIGKILL.
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError(PROGRAM + " does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
