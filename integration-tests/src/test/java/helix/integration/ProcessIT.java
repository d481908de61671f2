package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// What becomes of the two processes, the JVM and QEMU, when one of them is killed or stopped.
public class ProcessIT {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private RunningInstance instance;
    private Path image;

    @Before
    public void start() throws Exception {
        Qemu.assumePresent();
        image = Platform.scratchFile(8);
        instance = RunningInstance.start(folder.newFolder("i").toPath(), image);
    }

    @After
    public void stop() throws Exception {
        if (instance == null) {
            return; // skipped before it was started
        }
        instance.stop();
        Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
    }

    @Test
    public void killingTheJvmLeavesNoQemuThatIsStopped() throws Exception {
        signal("STOP", Qemu.find(image.toString()).pid());
        signal("KILL", helix().pid());
        Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
    }

    @Test
    public void aStoppedQemuIsADeviceErrorAndDataIsRightUntilTheJvmIsKilled() throws Exception {
        Path file = folder.newFile("data").toPath();
        byte[] data = new byte[1 << 20];
        new java.util.Random(7).nextBytes(data);
        Files.write(file, data);
        instance.ctl("blk:write nvme0n1 --in " + file).succeeds();

        ProcessHandle qemu = Qemu.find(image.toString());
        signal("STOP", qemu.pid());
        try {
            // An access that the stopped QEMU does not answer, within its deadline of a second.
            long begin = System.nanoTime();
            instance.ctl("blk:read nvme0n1 --bytes 4k --out /dev/null").failsWith("stalled");
            assertThat(Duration.ofNanos(System.nanoTime() - begin))
                    .isLessThan(Duration.ofSeconds(8));
        } finally {
            signal("CONT", qemu.pid());
        }
        Path back = folder.getRoot().toPath().resolve("back");
        Platform.await("the disk serves again", Duration.ofSeconds(20), () -> reads(back));
        assertThat(Files.readAllBytes(back)).isEqualTo(data);
        assertThat(Files.mismatch(file, image)).isEqualTo(data.length);

        assertThat(Qemu.running(image.toString())).isEqualTo(1);
        signal("KILL", helix().pid());
        Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
    }

    private boolean reads(Path back) {
        try {
            return instance.ctl("blk:read nvme0n1 --bytes 1M --out " + back).exit() == 0;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private ProcessHandle helix() throws IOException, InterruptedException {
        JsonObject status =
                instance.run("status", "--json")
                        .succeeds()
                        .documents()
                        .getFirst()
                        .getAsJsonObject();
        return ProcessHandle.of(status.get("pid").getAsLong()).orElseThrow();
    }

    private static void signal(String name, long pid) throws IOException, InterruptedException {
        int status = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start().waitFor();
        assertThat(status).isZero();
    }
}
