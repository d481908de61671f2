package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.AfterClass;
import org.junit.AssumptionViolatedException;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// Linux's own TCP/IP over the driver of virtio network devices, by a TAP device: pings, and a file
/// by curl over a connection that lives while the driver is replaced. All in a network namespace of
/// its own; QEMU's user network leads to a web server in there.
public class TapIT {
    @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();

    /// The machine has another virtio network device, on a network that refuses all connections;
    /// which of the two is `net0` depends on which driver is up first.
    private static final String MAC = "52:54:00:54:41:50";

    private static final String TAP = "helixN";
    private static final String PEER = "10.0.2.2";
    private static final String WEB = "8000";
    private static final int MEBI = 1 << 20;
    private static final long SECOND = 1_000_000_000;

    private static NetNamespace network;
    private static RunningInstance instance;
    private static Process web;

    private static boolean full() {
        return Boolean.getBoolean("helix.full");
    }

    @BeforeClass
    public static void start() throws Exception {
        Qemu.assumePresent();
        if (!Files.isWritable(Path.of("/dev/net/tun"))) {
            throw new AssumptionViolatedException("skipped: no right to /dev/net/tun");
        }
        network = NetNamespace.create("ping", "curl");
        write(FOLDER.newFile("file").toPath(), full() ? 256 : 32);
        Path server = Path.of(System.getProperty("java.home"), "bin", "jwebserver");
        web =
                network.start(
                        server.toString(),
                        "-b",
                        "127.0.0.1",
                        "-p",
                        WEB,
                        "-o",
                        "none",
                        "-d",
                        FOLDER.getRoot().toString());
        assertThat(web.inputReader().readLine()).contains("Serving");
        instance = new RunningInstance(FOLDER.newFolder("i").toPath());
        HelixCommand.runWith(
                        network.prefix(),
                        "start",
                        "--instance",
                        instance.folder().toString(),
                        "--machine",
                        "qemu",
                        "--disk",
                        "mem:16M",
                        "--qemu-arg",
                        "-netdev",
                        "--qemu-arg",
                        "user,id=ntap",
                        "--qemu-arg",
                        "-device",
                        "--qemu-arg",
                        "virtio-net-pci,netdev=ntap,mac=" + MAC + ",addr=10,romfile=")
                .succeeds();
        HelixCommand _ = instance.ctl("net:bridge " + MAC + " --tap " + TAP).succeeds();
        String _ = network.run("ip", "addr", "add", "10.0.2.15/24", "dev", TAP);
    }

    @AfterClass
    public static void stop() throws Exception {
        try {
            if (instance != null) {
                instance.stop().succeeds();
            }
        } finally {
            if (web != null) {
                web.destroy();
            }
            if (network != null) {
                network.close();
            }
        }
    }

    private static void write(Path file, int mebibytes) throws IOException {
        Random random = new Random(mebibytes);
        byte[] some = new byte[MEBI];
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            for (int i = 0; i < mebibytes; i++) {
                random.nextBytes(some);
                out.write(some);
            }
        }
    }

    @Test
    public void noPingIsLost() throws Exception {
        int count = full() ? 1000 : 100;
        String said = network.run("ping", "-q", "-i", "0.01", "-c", Integer.toString(count), PEER);
        assertThat(said).contains(count + " received", " 0% packet loss");
    }

    /// Connections to the device that was asked for: each at once, and none refused.
    @Test
    public void eachConnectionIsMade() throws Exception {
        for (int i = 0; i < 20; i++) {
            String said = network.run("curl", "--noproxy", "*", "-sS", "-I", url());
            assertThat(said).as("connection %d", i).contains("200");
        }
    }

    @Test
    public void aConnectionLivesWhileTheDriverIsReloaded() throws Exception {
        Path got = FOLDER.getRoot().toPath().resolve("got");
        Process curl =
                network.start(
                        "curl",
                        "--noproxy",
                        "*",
                        "-sS",
                        "--limit-rate",
                        full() ? "6M" : "3M",
                        "-w",
                        "%{http_code} %{num_connects}",
                        "-o",
                        got.toString(),
                        url());
        int reloads = 0;
        try {
            long end = System.nanoTime() + Duration.ofMinutes(5).toNanos();
            long begin = System.nanoTime();
            while (!curl.waitFor(untilNext(begin), TimeUnit.NANOSECONDS)) {
                begin = System.nanoTime();
                assertThat(begin - end).as("five minutes").isNegative();
                reload(reloads % 2 == 1);
                reloads++;
            }
            assertThat(NetNamespace.finish(curl)).isEqualTo("200 1");
        } finally {
            curl.destroy();
        }
        assertThat(reloads).isGreaterThanOrEqualTo(full() ? 15 : 3);
        assertThat(sha256(got)).isEqualTo(sha256(FOLDER.getRoot().toPath().resolve("file")));
        System.out.println("TapIT: " + reloads + " reloads during " + Files.size(got) + " bytes");
    }

    /// A reload begins a second after the last one did, or when that is done.
    private static long untilNext(long begin) {
        return Math.max(0, begin + SECOND - System.nanoTime());
    }

    private static String url() {
        return "http://" + PEER + ":" + WEB + "/file";
    }

    private static void reload(boolean cold) throws Exception {
        JsonObject report =
                instance.ctl("helix:reload virtio-net --json" + (cold ? " --cold" : ""))
                        .succeeds()
                        .documents()
                        .getFirst()
                        .getAsJsonObject();
        assertThat(report.get("outcome").getAsString()).as("%s", report).isEqualTo("COMMITTED");
    }

    private static String sha256(Path file) throws Exception {
        return network.run("sha256sum", file.toString()).split(" ", 2)[0];
    }
}
