package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.AfterClass;
import org.junit.Assume;
import org.junit.Before;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// A disk that another process serves, and what its users see when that process dies, hangs and
/// comes back. No QEMU: the other process is the machine.
public class VhostUserReturnIT {
    private static final int MEBIBYTES = 64;
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /// From the socket's return to the next request that ends.
    private static final long RECOVERY_MILLIS = 2_000;

    /// Away for longer is unplugged.
    private static final Duration AWAY = Duration.ofSeconds(10);

    /// A request's time-out, the driver's reset and the platform's, each 5 to 10 s.
    private static final Duration HUNG_LIMIT = Duration.ofSeconds(40);

    private static final String QUARANTINED = "bytes of DMA memory quarantined";

    @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();
    private static Path image;
    private static Path socket;
    private static StorageDaemon daemon;
    private static RunningInstance instance;

    /// How much of the log is of tests before.
    private long logged;

    /// One platform, because its start is what takes the time.
    @BeforeClass
    public static void start() throws Exception {
        image = Platform.scratchFile(MEBIBYTES);
        socket = file("blk.sock");
        daemon = StorageDaemon.start(image, socket);
        instance = new RunningInstance(file("home"));
        instance.run("start", "--machine", "none").succeeds();
        instance.ctl("helix:attach vhost-user:" + socket + " --type blk").succeeds();
    }

    @Before
    public void serve() throws Exception {
        if (!daemon.isAlive()) {
            daemon = StorageDaemon.start(image, socket);
        }
        Platform.await("the disk is there", LIMIT, () -> serves());
        logged = Files.size(logFile());
    }

    @AfterClass
    public static void end() throws Exception {
        if (instance != null) {
            instance.stop();
        }
        if (daemon != null) {
            daemon.close();
        }
    }

    @Test
    public void whatIsWrittenIsInTheFile() throws Exception {
        byte[] bytes = new byte[MEBIBYTES << 20];
        new Random(1).nextBytes(bytes);
        Path source = file("source");
        Files.write(source, bytes);
        instance.ctl("blk:write vblk0 --in " + source).succeeds();
        assertThat(Files.mismatch(source, image)).isEqualTo(-1);
        Path back = file("back");
        instance.ctl("blk:read vblk0 --out " + back).succeeds();
        assertThat(Files.mismatch(source, back)).isEqualTo(-1);
    }

    @Test
    public void loadGoesOnWhenAKilledBackEndIsBackAfterASecond() throws Exception {
        survivesKill(Duration.ofSeconds(1));
    }

    @Test
    public void loadGoesOnWhenAKilledBackEndIsBackAfterFiveSeconds() throws Exception {
        survivesKill(Duration.ofSeconds(5));
    }

    private void survivesKill(Duration away) throws Exception {
        CompletableFuture<HelixCommand> load = load(2 + (int) away.toSeconds());
        daemon.close();
        long killed = System.nanoTime();
        TimeUnit.NANOSECONDS.sleep(away.toNanos()); // what is tested
        daemon = StorageDaemon.start(image, socket);
        long gone = (System.nanoTime() - killed) / 1_000_000;
        HelixCommand ended = load.get();
        System.out.printf("VhostUserReturnIT: away for %d ms: %s%n", gone, ended.out());
        JsonObject result = ended.succeeds().documents().getLast().getAsJsonObject();
        for (String defect : List.of("failed", "lost", "torn", "stale", "misplaced")) {
            assertThat(result.get(defect).getAsLong()).as("%s in %s", defect, result).isZero();
        }
        double worst = result.getAsJsonObject("latencyOutsideMs").get("max").getAsDouble();
        assertThat(worst)
                .as("the slowest request, away for %d ms", gone)
                .isGreaterThan(away.toMillis() / 2.0)
                .isLessThan(gone + RECOVERY_MILLIS);
    }

    @Test
    public void awayForLongItsDiskIsAbsentAndComesBack() throws Exception {
        CompletableFuture<HelixCommand> load = load(30);
        daemon.close();
        HelixCommand ended = load.get();
        assertThat(ended.exit()).isNotZero();
        assertThat(ended.err()).contains("device is gone");
        assertThat(ended.documents().getLast().getAsJsonObject().get("lost").getAsLong()).isZero();
        Platform.await("the disk is gone", AWAY, () -> !serves());
        instance.ctl("blk:read vblk0").failsWith("vblk0");
        daemon = StorageDaemon.start(image, socket);
        Platform.await("the disk is back", LIMIT, () -> serves());
        instance.ctl("blk:soak vblk0 --seconds 1").succeeds();
        nothingEscaped();
    }

    /// A process that hangs may go on at any time, and then write to memory: a request that it had
    /// has an unknown outcome and is not sent again, and its memory is kept apart.
    @Test
    public void hungBackEndIsNotOvertaken() throws Exception {
        Assume.assumeTrue("skipped: takes 25 s (--full)", Boolean.getBoolean("helix.full"));
        CompletableFuture<HelixCommand> load = load(25);
        daemon.signal("STOP");
        Platform.await("the reset is given up", HUNG_LIMIT, () -> log().contains(QUARANTINED));
        assertThat(log()).contains("reset not confirmed");
        daemon.signal("CONT");
        HelixCommand ended = load.get();
        assertThat(ended.exit()).isNotZero();
        assertThat(ended.err()).contains("outcome unknown");
        assertThat(ended.documents().getLast().getAsJsonObject().get("lost").getAsLong()).isZero();
        Platform.await("the disk is back", LIMIT, () -> serves());
        instance.ctl("blk:soak vblk0 --seconds 1").succeeds();
    }

    @Test
    public void shortHangIsOnlyWaitedFor() throws Exception {
        CompletableFuture<HelixCommand> load = load(4);
        daemon.signal("STOP");
        TimeUnit.SECONDS.sleep(2); // what is tested
        daemon.signal("CONT");
        load.get().succeeds();
        assertThat(log()).doesNotContain("lost:", "FAILED");
    }

    /// Begins verified load, and returns when it has reached the file.
    private static CompletableFuture<HelixCommand> load(int seconds) throws Exception {
        FileTime before = Files.getLastModifiedTime(image);
        String command = "blk:soak vblk0 --seconds %d --json".formatted(seconds);
        CompletableFuture<HelixCommand> load =
                CompletableFuture.supplyAsync(() -> {
                    try {
                        return instance.ctl(command);
                    } catch (IOException e) {
                        throw new CompletionException(e);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                        throw new CompletionException(e);
                    }
                });
        Platform.await("the load has begun", LIMIT, () -> !modified().equals(before));
        return load;
    }

    private static FileTime modified() {
        try {
            return Files.getLastModifiedTime(image);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean serves() {
        try {
            return instance.ctl("blk:read vblk0").exit() == 0;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static Path file(String name) {
        return FOLDER.getRoot().toPath().resolve(name);
    }

    private static Path logFile() {
        return instance.folder().resolve("logs").resolve("helix.log");
    }

    /// Since the test has begun.
    private String log() {
        try (InputStream in = Files.newInputStream(logFile())) {
            in.skipNBytes(logged);
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void nothingEscaped() {
        assertThat(log().lines().filter(l -> l.contains(" ERROR "))).isEmpty();
    }
}
