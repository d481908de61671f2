package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.After;
import org.junit.AssumptionViolatedException;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// A device that another process serves is attached and detached by command.
public class VhostUserIT {
    private static final String PROGRAM = "qemu-storage-daemon";

    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private Process daemon;
    private Path socket;

    @Before
    public void serve() throws IOException {
        Qemu.assumePresent();
        boolean present =
                Arrays.stream(System.getenv("PATH").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM)));
        if (!present) {
            throw new AssumptionViolatedException(
                    "skipped: " + PROGRAM + " is not installed (./helix setup installs it)");
        }
        socket = folder.getRoot().toPath().resolve("blk.sock");
        daemon =
                new ProcessBuilder(
                                PROGRAM,
                                "--blockdev",
                                "driver=null-co,node-name=d0,read-zeroes=on,size=67108864",
                                "--export",
                                "type=vhost-user-blk,id=e,node-name=d0,writable=on,addr.type=unix"
                                        + ",addr.path="
                                        + socket)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
    }

    @After
    public void end() throws InterruptedException {
        if (daemon != null) {
            daemon.destroyForcibly();
            assertThat(daemon.waitFor(5, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    public void attachedDeviceIsAFunctionUntilItIsDetached() throws Exception {
        HelixCommand run =
                HelixCommand.run(
                                "exec",
                                "--machine",
                                "qemu",
                                "helix:attach vhost-user:"
                                        + socket
                                        + " --type blk --id disk; helix:lspci --json;"
                                        + " helix:detach disk; helix:lspci --json; helix:detach"
                                        + " --json")
                        .succeeds();
        List<JsonElement> documents = run.documents();
        assertThat(documents).hasSize(3);
        assertThat(functions(documents.get(0))).contains("1af4:1042 0001:00:01.0");
        assertThat(functions(documents.get(1))).noneMatch(f -> f.endsWith("0001:00:01.0"));
        assertThat(documents.get(2).getAsJsonArray()).isEmpty();
    }

    /// The next command finds the disk: nobody has to wait for drivers.
    @Test
    public void whatIsAttachedIsInService() throws Exception {
        HelixCommand.run(
                        "exec",
                        "--machine",
                        "none",
                        "helix:attach vhost-user:" + socket + " --type blk; blk:read vblk0")
                .succeeds();
    }

    private static List<String> functions(JsonElement document) {
        JsonArray rows = document.getAsJsonArray();
        return rows.asList().stream()
                .map(JsonElement::getAsJsonObject)
                .map(f ->
                        "%s:%s %s"
                                .formatted(
                                        f.get("vendor").getAsString(),
                                        f.get("device").getAsString(),
                                        f.get("address").getAsString()))
                .toList();
    }
}
