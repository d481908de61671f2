package helix.shell.blk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import helix.driver.kit.Fault;
import helix.driver.kit.FaultyBlockDevice;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.FakeReloads;
import helix.shell.GogoShell;
import helix.shell.Output;
import helix.shell.blk.soak.DriverJar;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// `blk:soak` through the real Gogo, on a disk in memory, with an engine that only says it reloads.
final class SoakCommandTest {
    private static final String WITH_RELOADS =
            "blk:soak nvme0n1 --json --seconds 0.3 --reload-every 20ms ";

    private final FakePlatform platform = FakePlatform.zoo();
    private final FakeReloads reloads = new FakeReloads(platform);
    private final MemoryDisk disk = new MemoryDisk();
    private final GogoShell shell = new GogoShell(platform);

    @TempDir private Path folder;

    @BeforeEach
    void plug() throws Exception {
        platform.disks.clear();
        platform.disks.add(disk);
        platform.reloads = reloads;
        platform.bundleJar = DriverJar.make(folder.resolve("driver.jar"));
        shell.session().currentDir(folder);
    }

    @AfterEach
    void close() {
        assertThat(disk.users).as("what was opened is closed").isEmpty();
        assertThat(disk.device.queuesOpen()).isZero();
        assertThat(disk.device.buffersInUse()).isZero();
        shell.close();
    }

    @Test
    void theJsonHasTheKeysThatScriptsRead() throws Exception {
        JsonObject result = shell.json(WITH_RELOADS + "--seed 5").getAsJsonObject();
        assertThat(result.keySet())
                .containsAll(
                        List.of(
                                "reloads",
                                "failed",
                                "lost",
                                "torn",
                                "stale",
                                "misplaced",
                                "adopted",
                                "replayed",
                                "pauseMs",
                                "latencyMs",
                                "worstLatencyMs",
                                "latencyOutsideMs",
                                "recoveryMs",
                                "iopsBefore",
                                "iopsAfter",
                                "seed"));
        int count = result.get("reloads").getAsInt();
        assertThat(count).isBetween(3, 30);
        assertThat(result.get("adopted").getAsLong()).isEqualTo(32L * count);
        assertThat(result.get("replayed").getAsLong()).isZero();
        assertThat(result.get("newClassLoaders").getAsInt()).isEqualTo(count);
        assertThat(result.get("warm").getAsInt()).isEqualTo(count);
        assertThat(result.get("mode").getAsString()).isEqualTo("warm");
        assertThat(result.get("seed").getAsLong()).isEqualTo(5);
        assertThat(result.getAsJsonObject("pauseMs").keySet()).containsExactly("p50", "p99", "max");
        assertThat(result.getAsJsonObject("pauseMs").get("max").getAsDouble()).isEqualTo(2.5);
        JsonObject outside = result.getAsJsonObject("latencyOutsideMs");
        assertThat(outside.keySet()).containsExactly("p50", "p99", "max");
        assertThat(outside.get("max").getAsDouble()).isPositive();
        assertThat(result.get("recoveryMs").getAsDouble()).as("known later").isEqualTo(120);
        assertThat(result.get("iopsBefore").getAsDouble()).isPositive();
        assertThat(result.get("iopsAfter").getAsDouble()).isPositive();
        assertThat(result.getAsJsonArray("problems")).isEmpty();
    }

    @Test
    void buildsTakeTurnsAndTheOriginalIsTheLast() throws Exception {
        shell.execute(WITH_RELOADS + "--mode cold");
        assertThat(reloads.log.get(0)).startsWith("update nvme a.jar Options[cold=true");
        assertThat(reloads.log.get(1)).startsWith("update nvme b.jar");
        assertThat(reloads.log.getLast()).startsWith("update nvme original.jar");
    }

    @Test
    void aReloadThatIsNotAsAskedForFailsTheCommand() {
        reloads.alwaysCold = true;
        assertThatThrownBy(() -> shell.execute(WITH_RELOADS))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("reload 1 was cold: no common schema");
    }

    @Test
    void theSameClassLoaderFailsTheCommand() {
        reloads.sameLoader = true;
        assertThatThrownBy(() -> shell.execute(WITH_RELOADS))
                .hasMessageContaining("reload 1: the same class loader serves");
    }

    @Test
    void aRollbackFailsTheCommand() {
        reloads.outcome = Outcome.ROLLED_BACK;
        assertThatThrownBy(() -> shell.execute(WITH_RELOADS))
                .hasMessageContaining("ROLLED_BACK (verify: block 0 reads differently)");
    }

    @Test
    void anotherBundleTouchedFailsTheCommand() {
        reloads.othersTouched = 2;
        assertThatThrownBy(() -> shell.execute(WITH_RELOADS))
                .hasMessageContaining("reload 1 touched 2 other bundles");
    }

    @Test
    void aPlantedFaultFailsTheCommandAfterItsResult() {
        FaultyBlockDevice faulty = new FaultyBlockDevice(512, 4096);
        disk.device = faulty;
        faulty.plant(Fault.TORN_WRITE, 20);
        assertThatThrownBy(() -> shell.execute("blk:soak nvme0n1 --seconds 0.2"))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("is torn");
        assertThat(faulty.produced()).isPositive();
    }

    @Test
    void withoutReloadsItIsLoadOnly() throws Exception {
        assertThat(shell.execute("blk:soak nvme0n1 --seconds 0.2 --interrupt --threads 2"))
                .contains("0 failed, 0 lost, 0 torn, 0 stale, 0 misplaced\n")
                .contains("IOPS at first")
                .containsPattern("\nlatency of requests: median \\d+\\.\\d+ ms, 99 % ");
        assertThat(reloads.log).isEmpty();
    }

    @Test
    void theImageThatTheInstanceNamesIsVerified() throws Exception {
        platform.properties.put("helix.disks", "null:64M\n" + folder.resolve("driver.jar"));
        assertThat(DiskImages.find(platform, disk)).as("serial 0001 is not helix1").isNull();
        // A file that does not hold what the disk does.
        java.nio.file.Files.write(folder.resolve("image"), new byte[4096 * 512]);
        assertThatThrownBy(() -> shell.execute("blk:soak nvme0n1 --seconds 0.1 --image image"))
                .hasMessageContaining("of image holds no write");
    }

    @Test
    void anInterruptEndsItAndLetsTheDiskGo() {
        Soak soak = new Soak(platform);
        new CommandLine(soak).parseArgs("nvme0n1", "--seconds", "600");
        Output out = new Output(new PrintStream(new ByteArrayOutputStream()), false, false);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> soak.run(out)).isInstanceOf(InterruptedException.class);
    }
}
