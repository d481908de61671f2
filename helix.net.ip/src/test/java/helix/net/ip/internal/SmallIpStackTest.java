package helix.net.ip.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.kit.net.MemoryInterface;
import helix.net.api.ip.IpStack.FetchReport;
import helix.net.api.ip.IpStack.Lease;
import helix.net.api.ip.IpStack.PingOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class SmallIpStackTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final PingOptions PINGS =
            new PingOptions(5, Duration.ofMillis(2), 56, Duration.ofMillis(50));

    private final MemoryInterface face = new MemoryInterface();
    private final FakeNetwork network = new FakeNetwork(face, bytes(100_000));
    private final SmallIpStack stack = new SmallIpStack();
    private final ByteArrayOutputStream target = new ByteArrayOutputStream();

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    private FetchReport fetch(String uri) throws IOException {
        return stack.fetch(face, URI.create(uri), Channels.newChannel(target), LIMIT);
    }

    @Test
    void asksForAnAddress() throws IOException {
        Lease lease = stack.dhcp(face, LIMIT);
        assertThat(lease.address()).isEqualTo("10.0.2.15");
        assertThat(lease.prefix()).isEqualTo(24);
        assertThat(lease.gateway()).isEqualTo("10.0.2.2");
        assertThat(lease.servers()).containsExactly("10.0.2.3", "0.0.0.1");
        assertThat(lease.server()).isEqualTo("10.0.2.2");
        assertThat(lease.seconds()).isEqualTo(86400);
        assertThat(stack.lease(face)).isEqualTo(lease);
        assertThat(face.user()).isEmpty();
    }

    @Test
    void asksAgainWhenNobodyAnswers() throws IOException {
        network.loses = n -> n == 0;
        assertThat(stack.dhcp(face, LIMIT).address()).isEqualTo("10.0.2.15");
        assertThat(network.discovers).isEqualTo(1);
    }

    @Test
    void saysWhenNoAddressIsGiven() {
        network.loses = _ -> true;
        assertThatThrownBy(() -> stack.dhcp(face, Duration.ofMillis(50)))
                .isInstanceOf(IOException.class)
                .hasMessage("no DHCP server answers");
        network.loses = _ -> false;
        network.refuses = true;
        assertThatThrownBy(() -> stack.dhcp(face, LIMIT)).hasMessageContaining("refuses");
        assertThat(face.user()).isEmpty();
    }

    @Test
    void pings() throws IOException {
        var report = stack.ping(face, "10.0.2.2", PINGS);
        assertThat(report.sent()).isEqualTo(5);
        assertThat(report.received()).isEqualTo(5);
        assertThat(report.minUs()).isPositive().isLessThanOrEqualTo(report.meanUs());
        assertThat(report.meanUs()).isLessThanOrEqualTo(report.maxUs());
    }

    @Test
    void countsLostReplies() throws IOException {
        Lease _ = stack.configure(face, "10.0.2.15/24", "10.0.2.2");
        // Two frames of ARP, then the first request.
        network.loses = n -> n == 2;
        var report = stack.ping(face, "10.0.2.2", PINGS);
        assertThat(report.sent()).isEqualTo(5);
        assertThat(report.received()).isEqualTo(4);
    }

    @Test
    void saysWhenNobodyHasAnAddress() throws IOException {
        Lease _ = stack.configure(face, "10.0.2.15/24", null);
        assertThatThrownBy(() -> stack.ping(face, "10.0.2.99", PINGS))
                .hasMessage("nobody has the address 10.0.2.99");
        assertThatThrownBy(() -> stack.ping(face, "8.8.8.8", PINGS))
                .hasMessageContaining("no gateway");
        assertThatThrownBy(() -> stack.ping(face, "example.org", PINGS))
                .hasMessageContaining("no IPv4 address");
    }

    @Test
    void fetchesByTftp() throws IOException {
        FetchReport report = fetch("tftp://10.0.2.2/file");
        assertThat(target.toByteArray()).isEqualTo(network.file);
        assertThat(report.bytes()).isEqualTo(100_000);
        assertThat(report.retransmissions()).isZero();
    }

    @Test
    void fetchesByTftpOverALossyNetwork() throws IOException {
        network.loses = n -> n == 40 || n == 81;
        FetchReport report = fetch("tftp://10.0.2.2/file");
        assertThat(target.toByteArray()).isEqualTo(network.file);
        assertThat(report.retransmissions()).isPositive();
    }

    @Test
    void saysWhatTheTftpServerSays() throws IOException {
        Lease _ = stack.configure(face, "10.0.2.15/24", "10.0.2.2");
        network.refuses = true;
        assertThatThrownBy(() -> fetch("tftp://10.0.2.2/file"))
                .hasMessage("TFTP error 1: File not found");
    }

    @Test
    void fetchesByHttp() throws IOException {
        FetchReport report = fetch("http://10.0.2.2/file");
        assertThat(target.toByteArray()).isEqualTo(network.file);
        assertThat(report.status()).isEqualTo(200);
    }

    @Test
    void fetchesByHttpOverALossyNetwork() throws IOException {
        Random random = new Random(3);
        network.loses = n -> n > 12 && n < 200 && random.nextInt(20) == 0;
        FetchReport report = fetch("http://10.0.2.2/file");
        assertThat(target.toByteArray()).isEqualTo(network.file);
        assertThat(report.status()).isEqualTo(200);
    }

    @Test
    void saysWhenAConnectionIsRefusedOrReset() throws IOException {
        Lease _ = stack.configure(face, "10.0.2.15/24", "10.0.2.2");
        network.refuses = true;
        assertThatThrownBy(() -> fetch("http://10.0.2.2/file")).hasMessageContaining("refuses");
        network.refuses = false;
        network.resets = true;
        assertThatThrownBy(() -> fetch("http://10.0.2.2/file")).hasMessageContaining("reset");
    }

    @Test
    void refusesWhatIsNoAddress() {
        assertThatThrownBy(() -> fetch("ftp://10.0.2.2/x")).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> fetch("http://example.org/x")).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> stack.configure(face, "10.0.2.15", null))
                .isInstanceOf(IOException.class);
        assertThatThrownBy(() -> stack.configure(face, "10.0.2.256/24", null))
                .isInstanceOf(IOException.class);
    }
}
