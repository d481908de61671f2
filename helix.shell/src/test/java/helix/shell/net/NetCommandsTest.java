package helix.shell.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import helix.net.api.NetworkInterface;
import helix.net.api.ip.IpStack;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.GogoShell;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The commands of scope `net` through the real Gogo, on interfaces in memory.
final class NetCommandsTest {
    private static final String FRAME = "ffffffffffff52540012345688b50102";

    private final FakePlatform platform = FakePlatform.zoo();
    private final LoopInterface face = new LoopInterface("net0");
    private final LoopInterface other = new LoopInterface("net1");
    private final GogoShell shell = new GogoShell(platform);

    @TempDir private Path folder;

    @BeforeEach
    void plug() {
        platform.interfaces.add(face);
        platform.interfaces.add(other);
        shell.session().currentDir(folder);
    }

    @AfterEach
    void close() {
        assertThat(face.user()).as("what was opened is closed").isEmpty();
        assertThat(other.user()).as("what was opened is closed").isEmpty();
        shell.close();
    }

    @Test
    void lists() throws Exception {
        assertThat(shell.execute("lsnet"))
                .contains("net0", "present", "up", "52:54:00:12:34:56", "1500", "virtio-net");
        JsonObject row = shell.json("net:list --json").getAsJsonArray().get(1).getAsJsonObject();
        assertThat(row.get("name").getAsString()).isEqualTo("net1");
        assertThat(row.get("mac").getAsString()).isEqualTo("52:54:00:12:34:56");
        assertThat(row.get("user").isJsonNull()).isTrue();
        assertThat(row.get("speed").getAsLong()).isEqualTo(10_000);
    }

    @Test
    void sendsAFrame() throws Exception {
        assertThat(shell.execute("net:send net0 " + FRAME)).isEqualTo("sent 16 bytes\n");
        assertThat(face.last).isEqualTo(HexFormat.of().parseHex(FRAME));
        Files.write(folder.resolve("f"), new byte[60]);
        assertThat(shell.json("net:send net0 --file f --json").getAsJsonObject().get("bytes"))
                .hasToString("60");
        assertThat(
                        shell.json("net:stat net0 --json")
                                .getAsJsonArray()
                                .get(0)
                                .getAsJsonObject()
                                .get("txFrames"))
                .hasToString("2");
        assertThat(shell.execute("net:stat")).contains("net0", "net1", "TX FRAMES");
    }

    @Test
    void takesAnAddressForAName() throws Exception {
        String _ = shell.execute("net:send net1 " + FRAME);
        assertThat(face.last).isNull();
        String _ = shell.execute("net:send 52:54:00:12:34:56 " + FRAME);
        assertThat(face.last).isEqualTo(HexFormat.of().parseHex(FRAME));
        assertThatThrownBy(() -> shell.execute("net:send 52:54:00:12:34:57 " + FRAME))
                .isInstanceOf(CommandFailed.class)
                .hasMessageStartingWith("no interface");
    }

    @Test
    void refusesWhatIsNoFrame() {
        assertThatThrownBy(() -> shell.execute("net:send net0 00"))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("no frame");
        assertThatThrownBy(() -> shell.execute("net:send net0 xx"))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("not hex");
        assertThatThrownBy(() -> shell.execute("net:send net0")).isInstanceOf(CommandFailed.class);
        assertThatThrownBy(() -> shell.execute("net:send net9 " + FRAME))
                .isInstanceOf(CommandFailed.class)
                .hasMessage("no interface 'net9' (known: net0, net1)");
    }

    @Test
    void generates() throws Exception {
        JsonObject result =
                shell.json("net:pktgen net0 --size 128 --seconds 0.05 --burst 8 --json")
                        .getAsJsonObject();
        assertThat(result.get("sent").getAsLong()).isPositive();
        assertThat(result.get("received").getAsLong()).isPositive();
        assertThat(result.get("txMpps").getAsDouble()).isPositive();
        assertThat(face.last).hasSize(124);
        long limited =
                shell.json("net:pktgen net0 --seconds 0.1 --burst 1 --rate 200 --json")
                        .getAsJsonObject()
                        .get("sent")
                        .getAsLong();
        assertThat(limited).isBetween(1L, 40L);
        assertThat(shell.execute("net:pktgen net0 --seconds 0.01")).contains("Mpps", "dropped");
        assertThatThrownBy(() -> shell.execute("net:pktgen net0 --size 9000"))
                .isInstanceOf(CommandFailed.class);
    }

    @Test
    void forwards() throws Exception {
        LoopInterface outside = new LoopInterface("outside");
        face.connect(outside);
        other.connect(outside);
        for (int i = 0; i < 50; i++) {
            face.deliver(HexFormat.of().parseHex(FRAME));
        }
        other.deliver(new byte[60]);
        JsonObject result =
                shell.json("net:forward net0 net1 --seconds 0.05 --json").getAsJsonObject();
        assertThat(result.get("forward").getAsLong()).isEqualTo(50);
        assertThat(result.get("back").getAsLong()).isEqualTo(1);
        assertThat(result.get("dropped").getAsLong()).isZero();
        assertThat(other.last).isEqualTo(HexFormat.of().parseHex(FRAME));
        assertThatThrownBy(() -> shell.execute("net:forward net0 net0"))
                .isInstanceOf(CommandFailed.class);
    }

    @Test
    void saysWhichBundleIsMissing() {
        assertThatThrownBy(() -> shell.execute("net:ping net0 10.0.2.2"))
                .hasMessage("no IP stack: bundle helix.net.ip is not active");
        assertThatThrownBy(() -> shell.execute("net:capture net0 --out f"))
                .hasMessage("no capture: bundle helix.net.capture is not active");
        assertThatThrownBy(() -> shell.execute("net:bridge net0"))
                .hasMessage("no bridges: bundle helix.net.tap is not active");
    }

    @Test
    void asksTheStack() throws Exception {
        platform.ipStack = new Stack();
        assertThat(shell.execute("net:dhcp net0")).contains("10.0.2.15/24", "gateway 10.0.2.2");
        JsonObject ping = shell.json("net:ping net0 10.0.2.2 --json").getAsJsonObject();
        assertThat(ping.get("received").getAsInt()).isEqualTo(3);
        assertThatThrownBy(() -> shell.execute("net:ping net0 10.0.2.9"))
                .hasMessage("no reply from 10.0.2.9");
        assertThat(shell.execute("net:fetch net0 http://10.0.2.2/x --out got"))
                .contains("3B in 1.00 s");
        assertThat(folder.resolve("got")).hasBinaryContent(new byte[] {1, 2, 3});
        assertThatThrownBy(() -> shell.execute("net:fetch net0 http://10.0.2.2/none --out got"))
                .hasMessage("http://10.0.2.2/none: HTTP status 404");
    }

    @Test
    void saysThatThereIsNoGateway() throws Exception {
        Stack stack = new Stack();
        stack.lease = new IpStack.Lease("10.0.2.15", 24, null, List.of(), "10.0.2.2", 60);
        platform.ipStack = stack;
        assertThat(shell.execute("net:dhcp net0"))
                .contains("for 60 s, no gateway, no name servers")
                .doesNotContain("null");
        JsonObject lease = shell.json("net:dhcp net0 --json").getAsJsonObject();
        assertThat(lease.get("gateway").isJsonNull()).isTrue();
        assertThat(lease.get("servers").getAsJsonArray()).isEmpty();
    }

    /// Answers as told.
    private static final class Stack implements IpStack {
        private Lease lease =
                new Lease("10.0.2.15", 24, "10.0.2.2", List.of("10.0.2.3"), "10.0.2.2", 60);

        @Override
        public Lease dhcp(NetworkInterface on, Duration limit) {
            return lease;
        }

        @Override
        public Lease configure(NetworkInterface on, String address, String gateway) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Lease lease(NetworkInterface on) {
            return null;
        }

        @Override
        public PingReport ping(NetworkInterface on, String address, PingOptions options) {
            return new PingReport(address, 4, address.endsWith(".2") ? 3 : 0, 1, 2, 3);
        }

        @Override
        public FetchReport fetch(
                NetworkInterface on, URI what, WritableByteChannel target, Duration limit)
                throws IOException {
            target.write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
            return new FetchReport(3, 1, 0, what.getPath().equals("/x") ? 200 : 404);
        }
    }
}
