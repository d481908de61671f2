package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.sim.nvme.ScriptHost.Queue;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Interrupts, and doorbells in memory. NVMe over PCIe 1.0, section 3.5; Base 2.0, section 5.8.
class NotificationsTest {
    private final SimAccess sim = new SimAccess();
    private final ScriptHost host = new ScriptHost(sim);

    @AfterEach
    void noViolations() {
        assertThat(sim.violations).isEmpty();
        sim.close();
    }

    @Test
    void sendsAMessageForABatch() {
        host.enable();
        Queue queue = host.pair(1, 16, 3);
        sim.messages.clear();
        for (int i = 0; i < 5; i++) {
            int _ = queue.put(entry(0).nsid(1));
        }
        queue.ring();
        sim.progress(3);
        assertThat(sim.messages).containsExactly(3);
        assertThat(queue.take(5)).hasSize(5);
    }

    @Test
    void sendsNoneForAQueueWithoutInterrupts() {
        host.enable();
        Queue queue = host.pair(1, 16, -1);
        sim.messages.clear();
        assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        assertThat(sim.messages).isEmpty();
    }

    @Test
    void collectsCompletionsUpToACountOrATime() {
        host.enable();
        Queue queue = host.pair(1, 16, 1);
        assertThat(host.admin(entry(9).cdw(10, 8).cdw(11, 3 | 5 << 8)).status()).isZero();
        sim.messages.clear();
        for (int i = 0; i < 3; i++) {
            assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        }
        assertThat(sim.messages).isEmpty();
        assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        assertThat(sim.messages).containsExactly(1);

        assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        assertThat(sim.wakeAt).isEqualTo(sim.nanos + 500_000);
        sim.nanos += 500_000;
        sim.progress();
        assertThat(sim.messages).containsExactly(1, 1);

        assertThat(host.admin(entry(9).cdw(10, 9).cdw(11, 1 << 16 | 1)).status()).isZero();
        sim.messages.clear();
        assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        assertThat(sim.messages).containsExactly(1);
    }

    @Test
    void assertsItsPinWhileEntriesWait() {
        sim.messagesEnabled = false;
        host.enable();
        Queue queue = host.pair(1, 16, 0);
        assertThat(sim.line).isFalse();
        int _ = queue.put(entry(0).nsid(1));
        int _ = queue.put(entry(0).nsid(1));
        queue.ring();
        sim.progress(2);
        assertThat(sim.line).isTrue();

        host.write32(ScriptHost.INTMS, 1);
        assertThat(sim.line).isFalse();
        assertThat(host.read32(ScriptHost.INTMC)).isEqualTo(1);
        host.write32(ScriptHost.INTMC, 1);
        assertThat(sim.line).isTrue();

        assertThat(queue.poll()).isNotNull();
        queue.release();
        assertThat(sim.line).isTrue();
        assertThat(queue.poll()).isNotNull();
        queue.release();
        assertThat(sim.line).isFalse();
        assertThat(sim.messages).isEmpty();
    }

    @Test
    void dropsItsPinAtAReset() {
        sim.messagesEnabled = false;
        host.enable();
        int _ = host.admin().put(entry(0x18));
        host.admin().ring();
        sim.progress(2);
        assertThat(sim.line).isTrue();
        host.write32(ScriptHost.CC, 0);
        assertThat(sim.line).isFalse();
    }

    // ---- Doorbells in memory

    private long shadow;
    private long events;

    private Queue shadowed(int entries) {
        host.enable();
        shadow = host.allocate(1);
        events = host.allocate(1);
        assertThat(host.admin(entry(0x7C).prp(host.address(shadow), host.address(events))).status())
                .isZero();
        return host.pair(1, entries, -1);
    }

    @Test
    void sleepsAtTheTailItSaw() {
        Queue queue = shadowed(8);
        sim.progress(2);
        assertThat(host.int32(events + 8)).isZero();
        int _ = queue.put(entry(0).nsid(1));
        host.set32(shadow + 8, queue.tail);
        queue.ring();
        assertThat(queue.take().status()).isZero();
        host.set32(shadow + 12, queue.head);
        sim.progress(2);
        assertThat(host.int32(events + 8)).as("event index while awake").isZero();
        sim.progress(1000);
        assertThat(host.int32(events + 8)).as("event index").isEqualTo(1);
    }

    @Test
    void seesStoresWithoutARegisterWriteWhileItTicks() {
        Queue queue = shadowed(8);
        for (int i = 0; i < 100; i++) {
            int _ = queue.put(entry(0).nsid(1));
            host.set32(shadow + 8, queue.tail);
            sim.progress();
            assertThat(queue.poll()).as("completion %d", i).isNotNull();
            host.set32(shadow + 12, queue.head);
        }
    }

    @Test
    void reportsInvalidValuesInMemory() {
        Queue _ = shadowed(8);
        host.set32(shadow + 8, 8);
        sim.progress(2);
        assertThat(sim.violations).isNotEmpty();
        assertThat(host.read32(ScriptHost.CSTS) & 2).as("CFS").isEqualTo(2);
        sim.violations.clear();
    }

    @Test
    void wantsWholePages() {
        host.enable();
        assertThat(host.admin(entry(0x7C).prp(SimAccess.BASE + 8, SimAccess.BASE)).code())
                .isEqualTo(0x002);
        assertThat(host.admin(entry(0x7C).prp(SimAccess.BASE, SimAccess.BASE + 8)).code())
                .isEqualTo(0x002);
    }

    @Test
    void canBeWithoutThem() {
        try (SimAccess plain = new SimAccess("dbbuf=off")) {
            ScriptHost other = new ScriptHost(plain);
            other.enable();
            assertThat(other.admin(entry(0x7C).prp(SimAccess.BASE, SimAccess.BASE)).code())
                    .isEqualTo(0x001);
        }
    }

    // ---- Options

    @ParameterizedTest
    @ValueSource(
            strings = {
                "block-size=1024",
                "queues=0",
                "queue-size=70000",
                "order=random",
                "vwc=maybe",
                "backing=tape:1M",
                "backing=mem",
                "backing=mem:x",
                "nonsense=1",
                "namespaces=two",
            })
    void refusesWrongOptions(String option) {
        assertThatThrownBy(() -> new SimAccess(option))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(option.split("=", 2)[0]);
    }

    @Test
    void refusesWrongFaults() {
        assertThatThrownBy(() -> sim.model.fault("nothing", Map.of()))
                .isInstanceOf(DeviceException.class);
        assertThatThrownBy(() -> sim.model.fault("delay", Map.of("speed", "1")))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("speed");
        for (var choice : sim.model.faults()) {
            assertThat(sim.model.fault(choice.name(), Collections.emptyMap())).isNotBlank();
        }
    }
}
