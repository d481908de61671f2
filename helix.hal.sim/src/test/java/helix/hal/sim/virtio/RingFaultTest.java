package helix.hal.sim.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.api.DeviceModel.Reset;
import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Used;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a driver does wrong with rings, and what the device does wrong if it is asked to.
class RingFaultTest {
    private static final int SIZE = 16;

    private FakeMachine machine;
    private Host host;
    private HostRing ring;

    @AfterEach
    void close() {
        machine.close();
    }

    private void start(String... options) {
        Map<String, String> all = new HashMap<>(Map.of("size", "1M", "order", "fifo"));
        for (int i = 0; i < options.length; i += 2) {
            all.put(options[i], options[i + 1]);
        }
        machine = new FakeMachine(new VirtioBlkFactory().create("blk0", all));
        host = new Host(machine);
        up(host.offered());
    }

    private void up(long features) {
        host.negotiate(features);
        machine.write(0x10, 2, 0);
        ring = host.queue(0, SIZE, features, 1);
        host.ready();
    }

    private long header(int type, long sector) {
        long at = host.allocate(16, 8);
        Wire.put32(host.memory(), at, type);
        Wire.put64(host.memory(), at + 8, sector);
        return at;
    }

    private long read(long sector) {
        long data = host.allocate(513, 8);
        ring.add(Host.in(header(0, sector), 16), Host.out(data, 513));
        return data;
    }

    private void write(long sector, int value) {
        long data = host.allocate(512, 8);
        host.memory().asSlice(data, 512).fill((byte) value);
        ring.add(
                Host.in(header(1, sector), 16),
                Host.in(data, 512),
                Host.out(host.allocate(1, 1), 1));
    }

    private List<Used> run() {
        ring.kick();
        machine.settle();
        List<Used> all = new ArrayList<>();
        for (Used used = ring.poll(); used != null && all.size() < 100; used = ring.poll()) {
            all.add(used);
        }
        return all;
    }

    private void expectBroken(String what) {
        ring.kick();
        machine.settle();
        assertThat(host.status() & 0x40).isNotZero();
        assertThat(machine.violations).hasSize(1);
        assertThat(machine.violations.getFirst()).contains(what);
        assertThat(machine.messages).contains(0);
        // After a reset it works again.
        machine.violations.clear();
        up(host.offered());
        long data = read(1);
        assertThat(run()).hasSize(1);
        assertThat(Wire.u8(host.memory(), data + 512)).isZero();
        assertThat(machine.violations).isEmpty();
    }

    @Test
    void aLoopInAChain() {
        start();
        long at = header(0, 0);
        ring.descriptor(ring.descriptors, host.address(at), 16, 1, 1);
        ring.descriptor(ring.descriptors + 16, host.address(at), 16, 1, 0);
        ((SplitHostRing) ring).offer(0);
        expectBroken("loop");
    }

    @Test
    void aHeadOutOfRange() {
        start();
        ((SplitHostRing) ring).offer(SIZE);
        expectBroken("out of range");
    }

    @Test
    void anIndexThatRunsAhead() {
        start();
        Wire.put16Release(host.memory(), ring.driver + 2, SIZE + 1);
        expectBroken("runs ahead");
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void readableAfterWritable(String packed) {
        start("packed", packed);
        ring.add(
                Host.in(header(0, 0), 16),
                Host.out(host.allocate(1, 1), 1),
                Host.in(header(0, 0), 16));
        expectBroken("2.7.4.2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void indirectThatWasNotNegotiated(String packed) {
        start("packed", packed, "indirect_desc", "off");
        ring.addIndirect(List.of(Host.in(header(0, 0), 16), Host.out(host.allocate(513, 8), 513)));
        expectBroken("INDIRECT");
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void aRequestWithoutHeader(String packed) {
        start("packed", packed);
        ring.add(Host.in(header(0, 0), 8), Host.out(host.allocate(1, 1), 1));
        expectBroken("5.2.6");
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void memoryThatIsNotThere(String packed) {
        start("packed", packed);
        ring.add(Host.in(header(0, 0), 16), Host.out(-host.address(0) - 4096, 513));
        ring.kick();
        machine.settle();
        assertThat(machine.faults).hasSize(1).first().asString().startsWith("write of 513");
        assertThat(host.status() & 0x40).isNotZero();
    }

    @ParameterizedTest
    @CsvSource({"off, used-id", "on, used-id", "off, used-length", "on, used-length"})
    void wrongElements(String packed, String fault) {
        start("packed", packed);
        machine.model().fault(fault, Map.of());
        read(0);
        Used used = run().getFirst();
        if (fault.equals("used-id")) {
            assertThat(used.id()).isNotZero();
        } else {
            assertThat(used.length()).isGreaterThan(513);
        }
    }

    @Test
    void lostAndRepeatedElements() {
        start();
        machine.model().fault("drop-used", Map.of());
        read(0);
        assertThat(run()).isEmpty();
        machine.model().fault("duplicate-used", Map.of("count", "1"));
        read(0);
        List<Used> used = run();
        assertThat(used).hasSize(2);
        assertThat(used.getFirst()).isEqualTo(used.getLast());
        machine.model().fault("swallow", Map.of());
        read(0);
        assertThat(run()).isEmpty();
        machine.model().fault("index-jump", Map.of());
        read(0);
        ring.kick();
        machine.settle();
        assertThat(((SplitHostRing) ring).usedIndex()).isEqualTo(3 + SIZE + 1);
    }

    @Test
    void aSlowDeviceEndsRequestsInTime() {
        start();
        machine.model().fault("slow", Map.of("us", "100"));
        read(0);
        assertThat(run()).isEmpty();
        assertThat(machine.wakeAt).isEqualTo(100_000);
        machine.now = 99_999;
        machine.settle();
        assertThat(ring.poll()).isNull();
        machine.now = 100_000;
        machine.settle();
        assertThat(ring.poll()).isNotNull();
    }

    @Test
    void mediaErrors() {
        start();
        machine.model().fault("media-error", Map.of("op", "read", "sector", "5", "count", "2"));
        write(5, 1);
        long good = read(4);
        long bad = read(5);
        assertThat(run()).hasSize(3);
        assertThat(Wire.u8(host.memory(), good + 512)).isZero();
        assertThat(Wire.u8(host.memory(), bad + 512)).isEqualTo(1);
        bad = read(5);
        good = read(5);
        assertThat(run()).hasSize(2);
        assertThat(Wire.u8(host.memory(), bad + 512)).isEqualTo(1);
        assertThat(Wire.u8(host.memory(), good + 512)).isZero();
    }

    @Test
    void powerTakesWhatWasNotFlushed() {
        start();
        for (int i = 0; i < 8; i++) {
            write(i, 1);
            assertThat(run()).hasSize(1);
        }
        ring.add(Host.in(header(4, 0), 16), Host.out(host.allocate(1, 1), 1));
        assertThat(run()).hasSize(1);
        for (int i = 0; i < 8; i++) {
            write(i, 2);
            assertThat(run()).hasSize(1);
        }
        machine.model().reset(Reset.POWER);
        assertThat(contents(8)).containsExactlyInAnyOrder(1, 2);
    }

    @Test
    void powerIsLostInTheMiddle() {
        start();
        machine.model().fault("power-cut", Map.of("at", "3", "lost", "100"));
        write(0, 7);
        write(1, 7);
        write(2, 7);
        write(3, 7);
        assertThat(run()).hasSize(2);
        assertThat(host.status() & 0x40).isNotZero();
        assertThat(contents(4)).containsExactly(0);
    }

    @Test
    void withoutACacheNothingIsLost() {
        start();
        up(host.offered() & ~(1L << 9) & ~(1L << 11));
        for (int i = 0; i < 8; i++) {
            write(i, 3);
            assertThat(run()).hasSize(1);
        }
        machine.model().reset(Reset.POWER);
        assertThat(contents(8)).containsExactly(3);
    }

    @Test
    void theCacheCanBeSwitchedOff() {
        start();
        assertThat(host.config(32, 1)).isEqualTo(1);
        machine.write(Host.DEVICE + 32, 1, 0);
        assertThat(host.config(32, 1)).isZero();
        write(0, 3);
        assertThat(run()).hasSize(1);
        machine.model().reset(Reset.POWER);
        assertThat(contents(1)).containsExactly(3);
    }

    private TreeSet<Integer> contents(int sectors) {
        up(host.offered());
        TreeSet<Integer> values = new TreeSet<>();
        for (int i = 0; i < sectors; i++) {
            long data = read(i);
            assertThat(run()).hasSize(1);
            int value = Wire.u8(host.memory(), data);
            for (int at = 0; at < 512; at++) {
                assertThat(Wire.u8(host.memory(), data + at)).isEqualTo(value);
            }
            values.add(value);
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({"off, on", "off, off", "on, on", "on, off"})
    void interruptsAndNotificationsAreSuppressed(String packed, String eventIdx) {
        start("packed", packed, "event_idx", eventIdx);
        ring.interrupts(false);
        read(0);
        assertThat(ring.kickDue()).isTrue();
        assertThat(run()).hasSize(1);
        assertThat(machine.messages).isEmpty();
        ring.interrupts(true);
        read(0);
        assertThat(ring.kickDue()).isTrue();
        assertThat(run()).hasSize(1);
        assertThat(machine.messages).containsExactly(1);
        // Busy, it wants no notification: what comes is seen by itself.
        read(0);
        assertThat(ring.kickDue()).isTrue();
        assertThat(machine.tick()).isPositive();
        read(1);
        assertThat(ring.kickDue()).isFalse();
        machine.settle();
        assertThat(ring.poll()).isNotNull();
        assertThat(ring.poll()).isNotNull();
        read(2);
        assertThat(ring.kickDue()).isTrue();
    }
}
