package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Random;
import org.junit.After;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// The whole JVM is killed in mid-write, again and again, with the same image. What was
/// acknowledged is known outside, by the client of the NBD server that is killed.
public class KillIT {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final Duration SERVING = Duration.ofSeconds(5);

    /// What others may use of the machine for a restart to be judged.
    private static final double OTHERS_CORES = 0.5;

    private static final int MEBIBYTES = 64;
    private static final int BLOCK = 512;

    @Rule public final TemporaryFolder folder = new TemporaryFolder();
    private RunningInstance instance;
    private Path image;

    private static int rounds() {
        return full() ? 20 : 2; // the first start is of a fresh image
    }

    private static boolean full() {
        return Boolean.getBoolean("helix.full");
    }

    @After
    public void stop() throws Exception {
        if (instance != null) {
            instance.stop();
            Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
        }
    }

    @Test
    public void whatWasFlushedSurvivesAKill() throws Exception {
        Qemu.assumePresent();
        long seed = Long.getLong("helix.seed", System.nanoTime());
        System.out.println("KillIT: seed " + seed);
        Random random = new Random(seed);
        image = Platform.scratchFile(MEBIBYTES);
        Path home = folder.newFolder("i").toPath();
        Path socket = folder.getRoot().toPath().resolve("nbd");
        Ledger ledger = new Ledger(seed, BLOCK, (MEBIBYTES << 20) / BLOCK);
        for (int round = 1; round <= rounds(); round++) {
            Files.deleteIfExists(socket);
            double others = OtherLoad.cores();
            long begin = System.nanoTime();
            instance = RunningInstance.start(home, image);
            Platform.await("the disk is served", LIMIT, () -> serves(socket));
            NbdClient client = NbdClient.connect(socket, "");
            client.read(0, BLOCK);
            Duration serving = Duration.ofNanos(System.nanoTime() - begin);
            assertThat(client.size()).isEqualTo((long) MEBIBYTES << 20);
            assertThat(client.canFlush()).isTrue();

            long done = killInMidWrite(client, ledger, random);
            try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
                Ledger.Verdict verdict = ledger.recover(channel);
                System.out.printf(
                        "KillIT: round %d: served after %d ms, %d requests, %s%n",
                        round, serving.toMillis(), done, verdict);
            }
            assertThat(ledger.complaints()).as("seed %d, round %d", seed, round).isEmpty();
            assertThat(done).as("requests before the kill").isPositive();
            if (round > 1) {
                servesInTime(round, serving, Math.max(others, OtherLoad.cores()));
            }
        }
    }

    /// Each restart counts. Where others use the cores that it would need, a short run only tells.
    private static void servesInTime(int round, Duration serving, double others) {
        if (!full() && others > OTHERS_CORES && serving.compareTo(SERVING) > 0) {
            System.out.printf(
                    "KillIT: round %d: not judged, others keep %.1f cores busy%n", round, others);
            return;
        }
        assertThat(serving)
                .as("from start %d to the first read, others keep %.1f cores busy", round, others)
                .isLessThanOrEqualTo(SERVING);
    }

    /// Asks for the server, again where the disk is not there yet.
    private boolean serves(Path socket) {
        try {
            return instance.ctl("blk:serve nvme0n1 --nbd unix:" + socket).exit() == 0;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /// @return how many requests had ended
    private long killInMidWrite(NbdClient client, Ledger ledger, Random random) throws Exception {
        long pid = pid();
        ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
        try (NbdLoad load = NbdLoad.start(client, ledger, random.nextLong())) {
            long after = random.nextLong(50, 1500) * 1_000_000;
            Platform.await("the load runs", LIMIT, () -> load.workload().done() > 0);
            long begin = System.nanoTime();
            Platform.await("the moment", LIMIT, () -> System.nanoTime() - begin >= after);
            assertThat(load.end()).as("the connection before the kill").isNull();
            int status = new ProcessBuilder("kill", "-KILL", Long.toString(pid)).start().waitFor();
            assertThat(status).isZero();
            load.awaitEnd(LIMIT.toMillis());
            Platform.await("the process is gone", LIMIT, () -> !process.isAlive());
            Platform.await("QEMU is gone", LIMIT, () -> Qemu.running(image.toString()) == 0);
            return load.workload().done();
        }
    }

    /// From the instance's lock: a command would have to start a JVM.
    private long pid() throws IOException {
        return Long.parseLong(Files.readString(instance.folder().resolve("lock")).strip());
    }
}
