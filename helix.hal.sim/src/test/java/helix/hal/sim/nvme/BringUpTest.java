package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.nvme.ScriptHost.Completion;
import helix.hal.sim.nvme.ScriptHost.Queue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// From power on to data, as a driver would. Base 2.0, section 3.5.1.
class BringUpTest {
    private final SimAccess sim = new SimAccess();
    private final ScriptHost host = new ScriptHost(sim);

    @AfterEach
    void noViolations() {
        assertThat(sim.violations).isEmpty();
        assertThat(sim.refused).isZero();
        sim.close();
    }

    @Test
    void writesReadsAndFlushes() {
        host.enable();
        long page = host.allocate(1);
        assertThat(host.identify(1, 0, page).status()).isZero();
        assertThat(host.bytes(page + 24, 5).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                .isEqualTo("Helix".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        Queue queue = host.pair(1, 64, 1);
        long from = host.allocate(2);
        long to = host.allocate(2);
        host.fill(from, 8192, 5);

        assertThat(queue.send(host.transfer(0x01, 1, 100, 16, from)).status()).isZero();
        assertThat(queue.send(entry(0x00).nsid(1)).status()).isZero();
        assertThat(queue.send(host.transfer(0x02, 1, 100, 16, to)).status()).isZero();

        assertThat(host.bytes(to, 8192).mismatch(host.bytes(from, 8192))).isEqualTo(-1);
        assertThat(sim.messages).contains(0, 1);
    }

    @Test
    void goesRoundItsRingsManyTimes() {
        host.enable();
        Queue queue = host.pair(1, 4, 1);
        for (int i = 0; i < 50; i++) {
            Completion completion = queue.send(entry(0x00).nsid(1));
            assertThat(completion.status()).isZero();
            assertThat(completion.queueHead()).isEqualTo(queue.tail);
            assertThat(completion.queue()).isEqualTo(1);
        }
    }
}
