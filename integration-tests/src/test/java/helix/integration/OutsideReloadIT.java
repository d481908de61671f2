package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.After;
import org.junit.AssumptionViolatedException;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// Programs of others use a disk by NBD while its driver is updated once a second, and notice
/// nothing; and what becomes of an update when the platform is started again.
public class OutsideReloadIT {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int MEBIBYTES = 64;
    private static final long TOOL_LIMIT_SECONDS = 120;

    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private RunningInstance instance;
    private Path image;
    private Path socket;
    private Path a;
    private Path b;

    @Before
    public void start() throws Exception {
        Qemu.assumePresent();
        Path jars = folder.newFolder("jars").toPath();
        a = DriverJar.writeNvme(jars.resolve("a.jar"), "Good", "0.2.0", Map.of());
        b = DriverJar.writeNvme(jars.resolve("b.jar"), "Good", "0.2.1", Map.of());
        image = Platform.scratchFile(MEBIBYTES);
        socket = folder.getRoot().toPath().resolve("nbd");
        instance = RunningInstance.start(folder.newFolder("i").toPath(), image);
        instance.ctl("blk:serve nvme0n1 --nbd unix:" + socket).succeeds();
    }

    @After
    public void stop() throws Exception {
        if (instance != null) {
            instance.stop().succeeds();
            Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
        }
    }

    /// One boot, because that is what takes the time.
    @Test
    public void nobodyNoticesAnUpdate() throws Exception {
        String missing = missing("fio", "nbdcopy", "qemu-img");
        fioVerifies(missing.contains("fio"));
        if (!missing.isEmpty()) {
            throw new AssumptionViolatedException(
                    "skipped: " + missing + " is not installed (./helix setup installs it)");
        }
        copiesAreTheSame("");
        if (full()) { // fio has seen both
            copiesAreTheSame(" --cold");
        }
        theCommittedRevisionRunsAfterARestart();
    }

    private void fioVerifies(boolean isMissing) throws Exception {
        if (isMissing) {
            return;
        }
        for (String mode : List.of("", " --cold")) {
            Path log = folder.newFile("fio" + mode.strip()).toPath();
            int seconds = full() ? 20 : 3;
            Process fio =
                    begin(
                            log,
                            "fio",
                            "--name=helix",
                            "--ioengine=nbd",
                            "--uri=" + uri(),
                            "--rw=randwrite",
                            "--bs=4k",
                            "--iodepth=16",
                            "--verify=crc32c",
                            "--time_based=1",
                            "--runtime=" + seconds,
                            "--size=" + MEBIBYTES + "M",
                            "--verify_state_save=0",
                            "--minimal");
            int updates = updateUntilItEnds(fio, log, mode);
            System.out.println("OutsideReloadIT: fio" + mode + " saw " + updates + " updates");
            // A busy machine may take longer for one than a short run.
            assertThat(updates).isGreaterThanOrEqualTo(full() ? 2 : 1);
        }
    }

    /// In and out again by two programs, and compared by a third.
    private void copiesAreTheSame(String mode) throws Exception {
        Path data = random(folder.newFile("data" + mode.strip()).toPath());
        Path back = folder.getRoot().toPath().resolve("back" + mode.strip());
        Path log = folder.newFile("log" + mode.strip()).toPath();
        int updates = 0;
        updates += updateUntilItEnds(begin(log, "nbdcopy", data.toString(), uri()), log, mode);
        updates += updateUntilItEnds(begin(log, "nbdcopy", uri(), back.toString()), log, mode);
        assertThat(Files.mismatch(data, back)).isEqualTo(-1);
        Files.delete(back);
        updates +=
                updateUntilItEnds(
                        begin(log, "qemu-img", "convert", "-O", "raw", uri(), back.toString()),
                        log,
                        mode);
        updates +=
                updateUntilItEnds(
                        begin(log, "qemu-img", "compare", "-f", "raw", uri(), data.toString()),
                        log,
                        mode);
        assertThat(Files.mismatch(data, back)).isEqualTo(-1);
        assertThat(Files.mismatch(data, image)).isEqualTo(-1);
        System.out.println("OutsideReloadIT: copies" + mode + " saw " + updates + " updates");
        assertThat(updates).isGreaterThanOrEqualTo(4);
    }

    private void theCommittedRevisionRunsAfterARestart() throws Exception {
        update(b, "");
        update(a, "");
        instance.stop().succeeds();
        instance = RunningInstance.start(instance.folder(), image);
        assertThat(version()).isEqualTo("0.2.0");
        instance.ctl("helix:rollback nvme").succeeds();
        assertThat(version()).isEqualTo("0.2.1");
        instance.ctl("blk:read nvme0n1 --bytes 1M --out /dev/null").succeeds();
    }

    // --- Updates --------------------------------------------------------------------------------

    /// Updates once a second, once at least.
    ///
    /// @return how often
    private int updateUntilItEnds(Process tool, Path log, String mode) throws Exception {
        int updates = 0;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(TOOL_LIMIT_SECONDS);
        try {
            do {
                update(updates++ % 2 == 0 ? a : b, mode);
                assertThat(System.nanoTime() - end).as("%s", tool.info()).isNegative();
            } while (!tool.waitFor(1, TimeUnit.SECONDS));
            assertThat(tool.exitValue()).as(Files.readString(log)).isZero();
            return updates;
        } finally {
            tool.destroyForcibly();
        }
    }

    private void update(Path jar, String mode) throws Exception {
        JsonObject report =
                instance.ctl("helix:update nvme " + jar + mode + " --json")
                        .succeeds()
                        .documents()
                        .getFirst()
                        .getAsJsonObject();
        assertThat(report.get("outcome").getAsString()).as("%s", report).isEqualTo("COMMITTED");
        assertThat(report.get("failed").getAsLong()).as("%s", report).isZero();
        assertThat(report.get("mode").getAsString())
                .as("%s", report)
                .isEqualTo(mode.isEmpty() ? "warm" : "cold");
    }

    private @Nullable String version() throws IOException, InterruptedException {
        JsonElement drivers =
                instance.ctl("helix:drivers --json").succeeds().documents().getFirst();
        for (JsonElement driver : drivers.getAsJsonArray()) {
            for (JsonElement module : driver.getAsJsonObject().getAsJsonArray("modules")) {
                if (module.getAsJsonObject().get("name").getAsString().equals("nvme0")) {
                    return module.getAsJsonObject().get("version").getAsString();
                }
            }
        }
        return null;
    }

    // --- Programs -------------------------------------------------------------------------------

    private String uri() {
        return "nbd+unix:///nvme0n1?socket=" + socket;
    }

    private static Process begin(Path log, String... words) throws IOException {
        return new ProcessBuilder(words)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }

    private static boolean full() {
        return Boolean.getBoolean("helix.full");
    }

    private static String missing(String... programs) {
        List<String> missing = new ArrayList<>();
        for (String program : programs) {
            if (Arrays.stream(System.getenv("PATH").split(":"))
                    .noneMatch(d -> Files.isExecutable(Path.of(d, program)))) {
                missing.add(program);
            }
        }
        return String.join(", ", missing);
    }

    private static Path random(Path file) throws IOException {
        byte[] data = new byte[MEBIBYTES << 20];
        new Random(11).nextBytes(data);
        return Files.write(file, data);
    }
}
