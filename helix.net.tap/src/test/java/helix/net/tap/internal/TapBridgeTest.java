package helix.net.tap.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import helix.driver.kit.net.MemoryInterface;
import helix.net.api.tap.TapBridges.Bridge;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class TapBridgeTest {
    private static final String TAP = "helixtest" + ProcessHandle.current().pid() % 100_000;

    private final MemoryInterface host = EchoHost.connected();
    private final LinuxTapBridges bridges = new LinuxTapBridges();

    private Bridge bridge() {
        assumeThat(Files.isWritable(Path.of("/dev/net/tun"))).as("/dev/net/tun").isTrue();
        try {
            return bridges.bridge(host, TAP);
        } catch (IOException e) {
            assumeThat(e).as("the right to make TAP devices").isNull();
            throw new AssertionError(e);
        }
    }

    private static String run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(text).isZero();
        return text;
    }

    private static boolean isInstalled(String program) {
        return Files.isExecutable(Path.of("/usr/bin", program))
                || Files.isExecutable(Path.of("/usr/sbin", program))
                || Files.isExecutable(Path.of("/sbin", program))
                || Files.isExecutable(Path.of("/bin", program));
    }

    @Test
    void theKernelPingsAHostBehindAPort() throws Exception {
        assumeThat(isInstalled("ip")).as("ip(8) is installed").isTrue();
        try (Bridge bridge = bridge()) {
            assertThat(bridges.bridges()).containsExactly(bridge);
            assertThat(Files.readString(Path.of("/sys/class/net", TAP, "address")).strip())
                    .isEqualTo("52:54:00:12:34:56");
            String _ = run("ip", "addr", "add", "10.213.77.1/24", "dev", TAP);
            InetAddress address = InetAddress.getByName("10.213.77.2");
            for (int i = 0; i < 50; i++) {
                // By ICMP: who may make TAP devices may do that, too.
                assertThat(address.isReachable(2_000)).as("reply %d", i).isTrue();
            }
            assertThat(bridge.counters().toTap()).isGreaterThanOrEqualTo(50);
            assertThat(bridge.counters().fromTap()).isGreaterThanOrEqualTo(50);
            assertThat(bridge.isOpen()).isTrue();
        }
        assertThat(Path.of("/sys/class/net", TAP)).doesNotExist();
        assertThat(host.user()).isEmpty();
        assertThat(bridges.bridges()).isEmpty();
    }

    @Test
    void saysWhatIsNoName() {
        assertThatThrownBy(() -> bridges.bridge(host, "a/b"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> bridges.bridge(host, "averyveryverylongname"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(host.user()).isEmpty();
    }

    @Test
    void saysWhenADeviceIsInUse() {
        try (Bridge _ = bridge()) {
            assertThatThrownBy(() -> new LinuxTapBridges().bridge(EchoHost.connected(), TAP))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(TAP);
        }
    }
}
