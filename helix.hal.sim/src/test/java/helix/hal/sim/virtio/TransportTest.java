package helix.hal.sim.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.api.DeviceModel.Reset;
import helix.hal.sim.virtio.Host.HostRing;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The registers of virtio over PCI: VIRTIO 1.2, sections 2.1, 2.2, 3.1 and 4.1.
class TransportTest {
    private static final long VERSION_1 = 1L << 32;
    private static final long ACCESS_PLATFORM = 1L << 33;

    private FakeMachine machine;
    private Host host;

    @AfterEach
    void close() {
        machine.close();
    }

    private void make(String... options) {
        Map<String, String> all = new HashMap<>(Map.of("size", "1M", "queues", "2"));
        for (int i = 0; i < options.length; i += 2) {
            all.put(options[i], options[i + 1]);
        }
        machine = new FakeMachine(new VirtioBlkFactory().create("blk0", all));
        host = new Host(machine);
    }

    private void expectViolation(String section) {
        assertThat(machine.violations).hasSize(1);
        assertThat(machine.violations.getFirst()).contains(section);
        machine.violations.clear();
    }

    @Test
    void comesUpByTheBook() {
        make();
        assertThat(host.status()).isZero();
        host.status(1);
        host.status(3);
        host.accept(host.offered());
        host.status(0xB);
        assertThat(host.status()).isEqualTo(0xB);
        host.queue(0, 16, host.offered(), 1);
        assertThat(machine.read(0x1C, 2)).isEqualTo(1);
        host.ready();
        assertThat(host.status()).isEqualTo(0xF);
        assertThat(machine.violations).isEmpty();
        host.status(0);
        assertThat(host.status()).isZero();
        host.select(0);
        assertThat(machine.read(0x1C, 2)).isZero();
        assertThat(machine.read(0x18, 2)).isEqualTo(256);
        assertThat(machine.read(0x1A, 2)).isEqualTo(0xFFFF);
        assertThat(machine.read(0x20, 4)).isZero();
    }

    @Test
    void offersFeaturesInHalves() {
        make("packed", "on");
        assertThat(host.offered() & VERSION_1).isNotZero();
        assertThat(host.offered() & 1L << 34).isNotZero();
        machine.write(0, 4, 2);
        assertThat(machine.read(4, 4)).isZero();
        machine.write(0, 4, 0xFFFF_FFFFL);
        assertThat(machine.read(4, 4)).isZero();
        assertThat(machine.violations).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0x100000000", "0x200000000", "0x8000000"})
    void refusesFeatures(String change) {
        make();
        long bit = Long.decode(change);
        // VERSION_1 or ACCESS_PLATFORM taken away, or a bit that was not offered.
        host.negotiate(host.offered() ^ bit);
        assertThat(host.status()).isEqualTo(3);
        expectViolation("2.2");
        host.negotiate(VERSION_1 | ACCESS_PLATFORM);
        assertThat(host.status()).isEqualTo(0xB);
    }

    @Test
    void featuresAreSettledWithFeaturesOk() {
        make();
        host.negotiate(host.offered());
        machine.write(0xC, 4, 0);
        expectViolation("3.1.1");
        assertThat(machine.read(0xC, 4)).isNotZero();
    }

    @Test
    void statusBitsAreNotCleared() {
        make();
        host.status(1);
        host.status(3);
        host.status(1);
        expectViolation("2.1.1");
        assertThat(host.status()).isEqualTo(3);
        host.status(0x13);
        expectViolation("2.1");
        host.status(0);
        host.status(2);
        expectViolation("3.1.1");
    }

    @ParameterizedTest
    @CsvSource({
        "0x14, 2", "0x14, 4", "0x16, 1", "0x18, 4", "0x20, 8", "0x00, 2", "0x3C, 4", "0x17, 1"
    })
    void accessesHaveTheFieldsWidth(String offset, int width) {
        make();
        assertThat(machine.read(Integer.decode(offset), width)).isZero();
        expectViolation("4.1.3.1");
        machine.write(Integer.decode(offset), width, 0);
        expectViolation("4.1.3.1");
    }

    @Test
    void deviceConfigurationHasTheFieldsWidthToo() {
        make();
        assertThat(host.config(0, 4)).isEqualTo(2048);
        assertThat(host.config(24, 1)).isZero();
        assertThat(machine.violations).isEmpty();
        assertThat(host.config(0, 8)).isEqualTo(2048);
        expectViolation("4.1.3.1");
        long _ = host.config(24, 4);
        expectViolation("4.1.3.1");
        machine.write(Host.DEVICE, 4, 1);
        expectViolation("2.5");
    }

    @Test
    void readOnlyRegistersStayAsTheyAre() {
        make();
        machine.write(0x12, 2, 9);
        expectViolation("4.1.4.3.2");
        assertThat(machine.read(0x12, 2)).isEqualTo(2);
    }

    @Test
    void queuesThatAreNotThere() {
        make();
        assertThat(host.queueSize(2)).isZero();
        machine.write(0x1C, 2, 1);
        expectViolation("4.1.4.3");
    }

    @Test
    void queuesAreConfiguredFirst() {
        make();
        host.negotiate(host.offered());
        host.select(0);
        machine.write(0x18, 2, 100);
        expectViolation("4.1.4.3.2");
        machine.write(0x18, 2, 512);
        expectViolation("4.1.4.3.2");
        machine.write(0x20, 4, 8);
        machine.write(0x1C, 2, 1);
        expectViolation("alignment");
        assertThat(machine.read(0x1C, 2)).isZero();
        HostRing ring = host.queue(0, 16, host.offered(), 1);
        assertThat(machine.violations).isEmpty();
        machine.write(0x20, 4, 0);
        expectViolation("4.1.4.3.2");
        machine.write(0x1C, 2, 0);
        expectViolation("4.1.4.3.2");
        assertThat(ring.index).isZero();
    }

    @Test
    void vectorsBeyondTheTableAreNotMapped() {
        make();
        machine.write(0x10, 2, 2);
        assertThat(machine.read(0x10, 2)).isEqualTo(2);
        machine.write(0x10, 2, 3);
        expectViolation("4.1.5.1.2.2");
        assertThat(machine.read(0x10, 2)).isEqualTo(0xFFFF);
        machine.write(0x10, 2, 0xFFFF);
        assertThat(machine.violations).isEmpty();
    }

    @Test
    void aQueueIsResetAlone() {
        make();
        host.negotiate(host.offered());
        HostRing ring = host.queue(0, 16, host.offered(), 1);
        host.ready();
        host.select(0);
        machine.write(0x3A, 2, 1);
        assertThat(machine.read(0x3A, 2)).isZero();
        assertThat(machine.read(0x1C, 2)).isZero();
        assertThat(machine.read(0x18, 2)).isEqualTo(256);
        ring.kick();
        expectViolation("4.1.5.2");
        host.queue(0, 32, host.offered(), 1).kick();
        assertThat(machine.violations).isEmpty();
        host.status(0);
        host.negotiate(host.offered() & ~(1L << 40));
        host.select(0);
        machine.write(0x3A, 2, 1);
        expectViolation("RING_RESET");
    }

    @Test
    void notificationsNameTheirQueueByItsWidth() {
        make();
        host.negotiate(host.offered());
        host.queue(0, 16, host.offered(), 1);
        host.notify(0);
        expectViolation("DRIVER_OK");
        host.ready();
        host.notify(0);
        assertThat(machine.violations).isEmpty();
        machine.write(Host.NOTIFY, 4, 0);
        expectViolation("4.1.5.2");
        machine.write(Host.NOTIFY, 2, 1);
        expectViolation("4.1.5.2");
        machine.write(Host.NOTIFY + 2, 2, 0);
        expectViolation("4.1.5.2");
        host.notify(1);
        expectViolation("not enabled");
    }

    @Test
    void interruptStatusIsClearedByReading() {
        make();
        machine.msix = false;
        host.negotiate(host.offered());
        host.ready();
        machine.model().fault("resize", Map.of("size", "2M"));
        assertThat(machine.line).isTrue();
        assertThat(machine.messages).isEmpty();
        assertThat(machine.read(Host.ISR, 1)).isEqualTo(2);
        assertThat(machine.line).isFalse();
        assertThat(machine.read(Host.ISR, 1)).isZero();
        long _ = machine.read(Host.ISR, 4);
        expectViolation("4.1.4.5");
    }

    @Test
    void theGenerationChangesWithTheConfiguration() {
        make();
        machine.write(0x10, 2, 0);
        host.negotiate(host.offered());
        machine.write(0x10, 2, 0);
        host.ready();
        long before = machine.read(0x15, 1);
        assertThat(host.config(0, 4)).isEqualTo(2048);
        assertThat(machine.read(0x15, 1)).isEqualTo(before);
        machine.model().fault("resize", Map.of("size", "2M"));
        assertThat(machine.messages).containsExactly(0);
        assertThat(host.config(0, 4)).isEqualTo(4096);
        assertThat(machine.read(0x15, 1)).isNotEqualTo(before);
        before = machine.read(0x15, 1);
        machine.model().fault("config-change", Map.of("count", "2"));
        long _ = host.config(0, 4);
        assertThat(machine.read(0x15, 1)).isNotEqualTo(before);
    }

    @Test
    void needsResetIsToldAndEndsWithAReset() {
        make();
        host.negotiate(host.offered());
        machine.write(0x10, 2, 0);
        host.ready();
        machine.model().fault("needs-reset", Map.of());
        assertThat(host.status()).isEqualTo(0x4F);
        assertThat(machine.messages).containsExactly(0);
        host.status(0);
        assertThat(host.status()).isZero();
    }

    @Test
    void aResetMayNeverBeConfirmed() {
        make();
        host.negotiate(host.offered());
        machine.model().fault("reset-hang", Map.of());
        host.status(0);
        assertThat(host.status()).isEqualTo(0xB);
        machine.model().reset(Reset.FUNCTION_LEVEL);
        assertThat(host.status()).isZero();
        host.status(1);
        host.status(0);
        assertThat(host.status()).isZero();
    }

    @Test
    void ringsOutsideOfMemoryAreNotTouched() {
        make();
        host.negotiate(host.offered());
        host.select(0);
        host.address64(0x20, 0x10);
        host.address64(0x28, 0x20);
        host.address64(0x30, 0x40);
        machine.write(0x1C, 2, 1);
        host.ready();
        host.notify(0);
        machine.settle();
        assertThat(machine.faults).isNotEmpty();
        assertThat(host.status()).isEqualTo(0x4F);
    }
}
