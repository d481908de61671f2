package helix.hal.vhostuser;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/// A qemu-storage-daemon with a vhost-user-blk export of zeroes.
final class StorageDaemon implements AutoCloseable {
    private static final String PROGRAM = "qemu-storage-daemon";

    private final Process process;

    StorageDaemon(Path socket, long size, int queues) throws IOException {
        boolean present =
                Stream.of(System.getenv("PATH").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM)));
        Assumptions.assumeTrue(present, PROGRAM + " is not installed (package qemu-utils)");
        process =
                new ProcessBuilder(
                                PROGRAM,
                                "--blockdev",
                                "driver=null-co,node-name=d0,read-zeroes=on,size=" + size,
                                "--export",
                                "type=vhost-user-blk,id=e,node-name=d0,writable=on,addr.type=unix"
                                        + ",addr.path="
                                        + socket
                                        + ",num-queues="
                                        + queues)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
    }

    long pid() {
        return process.pid();
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
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                throw new IllegalStateException(PROGRAM + " does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
