package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture;
import helix.net.api.capture.PacketCapture.Capture;
import helix.net.api.ip.IpStack;
import helix.net.api.ip.IpStack.FetchReport;
import helix.net.api.ip.IpStack.Lease;
import helix.net.api.ip.IpStack.PingOptions;
import helix.net.api.ip.IpStack.PingReport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/// The network of QEMU's user mode, over the driver of virtio network devices: an address, pings,
/// files by TFTP and HTTP, also while the driver is replaced; and a capture that equals QEMU's own.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class NetIT {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String MAC = "52:54:00:4e:45:54";
    private static final String FACE = "(net.identity=" + MAC + ")";
    private static final int SMALL = 200_000;
    private static final int LARGE = 8 << 20;
    private static final int RELOADS = 6;
    private static final HexFormat HEX = HexFormat.of();

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() throws IOException {
        Files.createDirectories(folder());
        Files.write(folder().resolve("small"), bytes(SMALL));
        return Platform.onQemu(
                List.of(
                        "-netdev",
                        "user,id=nip,tftp=" + folder(),
                        "-device",
                        "virtio-net-pci,netdev=nip,mac=" + MAC + ",addr=10,romfile=",
                        "-object",
                        "filter-dump,id=dump,netdev=nip,file=" + folder().resolve("qemu.pcap")),
                "mem:16M");
    }

    /// Known to the test within the framework and to the configuration outside of it.
    private static Path folder() {
        return Path.of(
                System.getProperty("java.io.tmpdir"),
                "helix-it-net-" + ProcessHandle.current().pid());
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }

    private NetworkInterface face() throws Exception {
        return Platform.service(context, NetworkInterface.class, FACE);
    }

    private IpStack stack() throws Exception {
        return Platform.service(context, IpStack.class);
    }

    @Test
    public void anAddressIsGivenAndTheGatewayPinged() throws Exception {
        Lease lease = stack().dhcp(face(), LIMIT);
        assertThat(lease.address()).isEqualTo("10.0.2.15");
        assertThat(lease.gateway()).isEqualTo("10.0.2.2");
        PingOptions options = new PingOptions(50, Duration.ofMillis(5), 56, Duration.ofSeconds(5));
        PingReport report = stack().ping(face(), "10.0.2.2", options);
        assertThat(report.received()).isEqualTo(50);
    }

    @Test
    public void aFileComesByTftp() throws Exception {
        ByteArrayOutputStream target = new ByteArrayOutputStream();
        FetchReport report =
                stack().fetch(
                                face(),
                                URI.create("tftp://10.0.2.2/small"),
                                Channels.newChannel(target),
                                LIMIT);
        assertThat(report.bytes()).isEqualTo(SMALL);
        assertThat(target.toByteArray()).isEqualTo(bytes(SMALL));
    }

    @Test
    public void aFileComesByHttpWhileTheDriverIsReloaded() throws Exception {
        NetworkInterface face = face();
        IpStack stack = stack();
        Reloads reloads = Platform.service(context, Reloads.class);
        byte[] file = bytes(LARGE);
        ByteArrayOutputStream target = new ByteArrayOutputStream();
        try (ExecutorService threads = Executors.newCachedThreadPool();
                ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> serving =
                    CompletableFuture.runAsync(() -> serve(server, file), threads);
            URI uri = URI.create("http://10.0.2.2:" + server.getLocalPort() + "/large");
            CompletableFuture<FetchReport> fetching =
                    CompletableFuture.supplyAsync(() -> fetch(stack, face, uri, target), threads);
            for (int i = 0; i < RELOADS; i++) {
                boolean cold = i % 3 == 2;
                ReloadReport report =
                        reloads.reload("virtio-net", new Reloads.Options(cold, false, LIMIT));
                assertThat(report.outcome())
                        .as("%s", report)
                        .isEqualTo(ReloadReport.Outcome.COMMITTED);
            }
            assertThat(fetching.get(60, TimeUnit.SECONDS).bytes()).isEqualTo(LARGE);
            serving.get(10, TimeUnit.SECONDS);
        }
        assertThat(target.toByteArray()).isEqualTo(file);
        assertThat(face.statistics().generations()).isGreaterThan(RELOADS);
    }

    private static FetchReport fetch(
            IpStack stack, NetworkInterface face, URI uri, ByteArrayOutputStream target) {
        try {
            return stack.fetch(face, uri, Channels.newChannel(target), LIMIT);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void serve(ServerSocket server, byte[] file) {
        try (Socket client = server.accept();
                OutputStream out = client.getOutputStream()) {
            byte[] head =
                    ("HTTP/1.0 200 OK\r\nContent-Length: " + file.length + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII);
            out.write(head);
            out.write(file);
            out.flush();
            client.shutdownOutput();
            // The request, and the client's end.
            byte[] _ = client.getInputStream().readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    public void aCaptureEqualsQemusOwn() throws Exception {
        PacketCapture captures = Platform.service(context, PacketCapture.class);
        Path file = folder().resolve("helix.pcapng");
        IpStack stack = stack();
        Lease _ = stack.dhcp(face(), LIMIT);
        Capture capture = captures.start(face(), file, 0, 0);
        PingOptions options =
                new PingOptions(100, Duration.ofMillis(2), 500, Duration.ofSeconds(5));
        assertThat(stack.ping(face(), "10.0.2.2", options).received()).isEqualTo(100);
        capture.close();
        assertThat(capture.counters().dropped()).isZero();
        List<String> ours = pcapng(file);
        List<String> theirs = pcap(folder().resolve("qemu.pcap"));
        // In each direction; what was first between the two is another matter for either end.
        for (boolean sent : new boolean[] {true, false}) {
            List<String> mine = direction(ours, sent);
            List<String> other = direction(theirs, sent);
            assertThat(mine).hasSizeGreaterThanOrEqualTo(100);
            assertThat(other.subList(other.size() - mine.size(), other.size())).isEqualTo(mine);
        }
    }

    private static List<String> direction(List<String> frames, boolean sent) {
        String source = MAC.replace(":", "");
        return frames.stream().filter(f -> f.startsWith(source, 12) == sent).toList();
    }

    private static List<String> pcapng(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<String> frames = new ArrayList<>();
        for (int at = 0; at < in.limit(); at += in.getInt(at + 4)) {
            if (in.getInt(at) == 6) {
                frames.add(hex(in, at + 28, in.getInt(at + 20)));
            }
        }
        return frames;
    }

    /// The older format, as QEMU writes it.
    private static List<String> pcap(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(in.getInt(0)).isEqualTo(0xA1B2C3D4);
        List<String> frames = new ArrayList<>();
        for (int at = 24; at + 16 <= in.limit(); at += 16 + in.getInt(at + 8)) {
            frames.add(hex(in, at + 16, in.getInt(at + 8)));
        }
        return frames;
    }

    private static String hex(ByteBuffer in, int from, int length) {
        byte[] frame = new byte[length];
        in.get(from, frame);
        return HEX.formatHex(frame);
    }
}
