package helix.hal.sim.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Used;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A network card asked by a driver that is told each step.
class NetDeviceTest {
    private static final int SIZE = 32;
    private static final int HEADER = 12;
    private static final long MAC = 0x02_00_00_00_00_01L;
    private static final long OTHER = 0x02_00_00_00_00_02L;
    private static final long BROADCAST = 0xFFFF_FFFF_FFFFL;
    private static final long GROUP = 0x01_00_5E_00_00_01L;

    private static final long CSUM = 1;
    private static final long GUEST_CSUM = 1 << 1;
    private static final long MTU = 1 << 3;
    private static final long GUEST_TSO4 = 1 << 7;
    private static final long HOST_TSO4 = 1 << 11;
    private static final long MRG_RXBUF = 1 << 15;
    private static final long CTRL_VQ = 1 << 17;
    private static final long CTRL_RX = 1 << 18;
    private static final long CTRL_VLAN = 1 << 19;
    private static final long MQ = 1 << 22;
    private static final long ALL = -1L & ~GUEST_TSO4 & ~(1L << 8) & ~CTRL_VLAN;

    private final List<Card> cards = new ArrayList<>();
    private final VirtioNetFactory factory = new VirtioNetFactory();

    @AfterEach
    void close() {
        cards.forEach(c -> c.machine.close());
    }

    /// A card with its driver.
    private static final class Card {
        final FakeMachine machine;
        final Host host;
        final long features;
        final List<HostRing> rings = new ArrayList<>();
        final Map<Integer, Long> buffers = new HashMap<>();
        int bufferBytes = 1526;

        Card(FakeMachine machine, long wanted) {
            this.machine = machine;
            host = new Host(machine);
            features = host.offered() & wanted;
            host.negotiate(features);
            assertThat(host.status()).isEqualTo(0xB);
            int count = (features & MQ) != 0 ? (int) machine.read(0x12, 2) : 3;
            for (int i = 0; i < count; i++) {
                rings.add(host.queue(i, SIZE, features, 1));
            }
            host.ready();
            assertThat(machine.violations).isEmpty();
        }

        HostRing control() {
            return rings.getLast();
        }

        void supply(int queue, int count) {
            for (int i = 0; i < count; i++) {
                long at = host.allocate(bufferBytes, 2);
                buffers.put(queue << 16 | rings.get(queue).add(Host.out(at, bufferBytes)), at);
            }
            if (rings.get(queue).kickDue()) {
                rings.get(queue).kick();
            }
        }

        long frame(long to, long from, int length) {
            long at = host.allocate(HEADER + length, 2);
            mac(at + HEADER, to);
            mac(at + HEADER + 6, from);
            for (int i = 12; i < length; i++) {
                Wire.put8(host.memory(), at + HEADER + i, i * 3);
            }
            return at;
        }

        void mac(long at, long mac) {
            for (int i = 0; i < 6; i++) {
                Wire.put8(host.memory(), at + i, (int) (mac >>> 40 - 8 * i));
            }
        }

        void send(int queue, long at, int length) {
            HostRing ring = rings.get(queue);
            int id = ring.add(Host.in(at, HEADER + length));
            if (ring.kickDue()) {
                ring.kick();
            }
            machine.settle();
            assertThat(ring.poll()).isEqualTo(new Used(id, 0));
        }

        /// What was received, without headers.
        byte[] received(int queue) {
            machine.settle();
            Used first = rings.get(queue).poll();
            if (first == null) {
                return null;
            }
            long at = buffers.get(queue << 16 | first.id());
            int count = Wire.u16(host.memory(), at + 10);
            byte[] all = bytes(at, (int) first.length());
            for (int i = 1; i < count; i++) {
                Used next = rings.get(queue).poll();
                byte[] more = bytes(buffers.get(queue << 16 | next.id()), (int) next.length());
                byte[] joined = java.util.Arrays.copyOf(all, all.length + more.length);
                System.arraycopy(more, 0, joined, all.length, more.length);
                all = joined;
            }
            return java.util.Arrays.copyOfRange(all, HEADER, all.length);
        }

        byte[] bytes(long at, int length) {
            return host.memory()
                    .asSlice(at, length)
                    .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        }

        int command(int type, int number, int... data) {
            long at = host.allocate(2 + data.length, 2);
            long ack = host.allocate(1, 1);
            Wire.put8(host.memory(), at, type);
            Wire.put8(host.memory(), at + 1, number);
            for (int i = 0; i < data.length; i++) {
                Wire.put8(host.memory(), at + 2 + i, data[i]);
            }
            Wire.put8(host.memory(), ack, 0x55);
            control().add(Host.in(at, 2 + data.length), Host.out(ack, 1));
            if (control().kickDue()) {
                control().kick();
            }
            machine.settle();
            assertThat(control().poll()).isNotNull();
            return Wire.u8(host.memory(), ack);
        }
    }

    private Card card(long wanted, String... options) {
        Map<String, String> all = new HashMap<>();
        all.put("mac", "02:00:00:00:00:01");
        for (int i = 0; i < options.length; i += 2) {
            all.put(options[i], options[i + 1]);
        }
        Card card = new Card(new FakeMachine(factory.create("net" + cards.size(), all)), wanted);
        cards.add(card);
        return card;
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void whatIsSentComesBack(String packed) {
        Card card = card(ALL & ~MRG_RXBUF, "packed", packed);
        card.supply(0, SIZE);
        long mark = card.host.mark();
        for (int i = 0; i < 10 * SIZE; i++) {
            int length = 60 + i;
            long at = card.frame(MAC, OTHER, length);
            card.send(1, at, length);
            assertThat(card.received(0)).isEqualTo(card.bytes(at + HEADER, length));
            card.host.release(mark);
            card.supply(0, 1);
            mark = card.host.mark();
        }
        assertThat(card.machine.violations).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"off", "on"})
    void aFrameIsSpreadOverBuffers(String packed) {
        Card card = card(ALL, "packed", packed, "mtu", "9000");
        card.bufferBytes = 500;
        card.supply(0, 3);
        long at = card.frame(MAC, OTHER, 2500);
        card.send(1, at, 2500);
        // Three of the six buffers that it takes are there: none is used.
        assertThat(card.received(0)).isNull();
        card.supply(0, 2);
        assertThat(card.received(0)).isNull();
        int before = card.machine.ticks;
        card.supply(0, 1);
        assertThat(card.received(0)).isEqualTo(card.bytes(at + HEADER, 2500));
        assertThat(card.machine.ticks).isGreaterThan(before);
    }

    @Test
    void withoutMergingTooLargeAFrameIsLost() {
        Card card = card(ALL & ~MRG_RXBUF);
        card.bufferBytes = 100;
        card.supply(0, 2);
        card.send(1, card.frame(MAC, OTHER, 200), 200);
        assertThat(card.received(0)).isNull();
        long at = card.frame(MAC, OTHER, 88);
        card.send(1, at, 88);
        assertThat(card.received(0)).isEqualTo(card.bytes(at + HEADER, 88));
    }

    @Test
    void filtersAddresses() {
        Card card = card(ALL);
        card.supply(0, SIZE);
        assertThat(receives(card, MAC)).isTrue();
        assertThat(receives(card, BROADCAST)).isTrue();
        assertThat(receives(card, OTHER)).isFalse();
        assertThat(receives(card, GROUP)).isFalse();
        assertThat(card.command(0, 1, 1)).isZero();
        assertThat(receives(card, GROUP)).isTrue();
        assertThat(receives(card, OTHER)).isFalse();
        assertThat(card.command(0, 0, 1)).isZero();
        assertThat(receives(card, OTHER)).isTrue();
        assertThat(card.command(0, 0, 0)).isZero();
        assertThat(card.command(0, 1, 0)).isZero();
        assertThat(
                        card.command(
                                1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0x5E, 0, 0,
                                1))
                .isZero();
        assertThat(receives(card, OTHER)).isTrue();
        assertThat(receives(card, GROUP)).isTrue();
        assertThat(card.command(1, 1, 2, 0, 0, 0, 0, 9)).isZero();
        assertThat(card.host.config(5, 1)).isEqualTo(9);
        assertThat(receives(card, MAC)).isFalse();
        assertThat(receives(card, 0x02_00_00_00_00_09L)).isTrue();
        // Commands that are not well formed.
        assertThat(card.command(0, 0)).isEqualTo(1);
        assertThat(card.command(0, 77, 1)).isEqualTo(1);
        assertThat(card.command(1, 0, 9, 0, 0, 0)).isEqualTo(1);
        assertThat(card.command(99, 0)).isEqualTo(1);
        assertThat(card.machine.violations).isEmpty();
    }

    private boolean receives(Card card, long to) {
        long mark = card.host.mark();
        card.send(1, card.frame(to, OTHER, 60), 60);
        boolean came = card.received(0) != null;
        if (came) {
            card.supply(0, 1);
        } else {
            card.host.release(mark);
        }
        return came;
    }

    @Test
    void filtersVlans() {
        Card card = card(ALL | CTRL_VLAN);
        card.supply(0, SIZE);
        assertThat(receivesTagged(card, 5)).isFalse();
        assertThat(card.command(2, 0, 5, 0)).isZero();
        assertThat(receivesTagged(card, 5)).isTrue();
        assertThat(receivesTagged(card, 6)).isFalse();
        assertThat(card.command(2, 1, 5, 0)).isZero();
        assertThat(receivesTagged(card, 5)).isFalse();
        assertThat(receives(card, MAC)).isTrue();
    }

    private boolean receivesTagged(Card card, int vlan) {
        long at = card.frame(MAC, OTHER, 64);
        Wire.put16(card.host.memory(), at + HEADER + 12, 0x0081);
        Wire.put8(card.host.memory(), at + HEADER + 14, 0);
        Wire.put8(card.host.memory(), at + HEADER + 15, vlan);
        card.send(1, at, 64);
        return card.received(0) != null;
    }

    @Test
    void checksumsAreCompletedForThoseWhoWantThem() {
        Card card = card(ALL & ~GUEST_CSUM);
        card.supply(0, 4);
        long at = card.frame(MAC, OTHER, 100);
        Wire.put8(card.host.memory(), at, 1);
        Wire.put16(card.host.memory(), at + 6, 34);
        Wire.put16(card.host.memory(), at + 8, 16);
        byte[] sent = card.bytes(at + HEADER, 100);
        card.send(1, at, 100);
        byte[] came = card.received(0);
        assertThat(sum(came, 34, 100)).isEqualTo(0xFFFF - pseudo(sent));
        assertThat(came[50] << 8 | came[51] & 0xFF).isNotEqualTo(sent[50] << 8 | sent[51] & 0xFF);
    }

    /// The sum over what was completed is all ones, as its own part is its complement.
    private static int sum(byte[] bytes, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i += 2) {
            sum += (bytes[i] & 0xFF) << 8 | bytes[i + 1] & 0xFF;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return sum;
    }

    private static int pseudo(byte[] sent) {
        return (sent[50] & 0xFF) << 8 | sent[51] & 0xFF;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void largeSegmentsAreCutForThoseWhoDoNotTakeThem(boolean takes) {
        Card card = card(takes ? ALL | GUEST_TSO4 : ALL);
        card.bufferBytes = 4096;
        card.supply(0, 8);
        int payload = 2500;
        int length = 54 + payload;
        long at = card.frame(MAC, OTHER, length);
        Wire.put8(card.host.memory(), at, 1);
        Wire.put8(card.host.memory(), at + 1, 1);
        Wire.put16(card.host.memory(), at + 4, 1000);
        Wire.put16(card.host.memory(), at + 6, 34);
        Wire.put16(card.host.memory(), at + 8, 16);
        long ip = at + HEADER + 14;
        Wire.put16(card.host.memory(), ip - 2, 0x0008);
        Wire.put8(card.host.memory(), ip, 0x45);
        Wire.put8(card.host.memory(), ip + 9, 6);
        Wire.put8(card.host.memory(), ip + 20 + 12, 0x50);
        Wire.put8(card.host.memory(), ip + 20 + 13, 0x19);
        byte[] sent = card.bytes(at + HEADER, length);
        card.send(1, at, length);
        if (takes) {
            assertThat(card.received(0)).isEqualTo(sent);
            return;
        }
        int offset = 0;
        for (int part : new int[] {1000, 1000, 500}) {
            byte[] came = card.received(0);
            assertThat(came).hasSize(54 + part);
            assertThat(java.util.Arrays.copyOfRange(came, 54, 54 + part))
                    .isEqualTo(java.util.Arrays.copyOfRange(sent, 54 + offset, 54 + offset + part));
            assertThat(sum(came, 14, 34)).as("IP checksum").isEqualTo(0xFFFF);
            int tcp = sum(came, 34, 54 + part) + sum(came, 26, 34) + 6 + 20 + part;
            assertThat((tcp & 0xFFFF) + (tcp >>> 16)).as("TCP checksum").isEqualTo(0xFFFF);
            assertThat(came[47] & 0x09).isEqualTo(part == 500 ? 0x09 : 0);
            offset += part;
        }
        assertThat(card.received(0)).isNull();
    }

    @Test
    void cardsOnASwitchSeeEachOther() {
        Card one = card(ALL, "peer", "switch=lab");
        Card two = card(ALL, "peer", "switch=lab", "mac", "02:00:00:00:00:02");
        Card three = card(ALL, "peer", "switch=lab", "mac", "02:00:00:00:00:03");
        Card apart = card(ALL, "peer", "switch=attic", "mac", "02:00:00:00:00:03");
        cards.forEach(c -> c.supply(0, 8));
        long at = one.frame(BROADCAST, MAC, 60);
        one.send(1, at, 60);
        assertThat(two.received(0)).isEqualTo(one.bytes(at + HEADER, 60));
        assertThat(three.received(0)).isNotNull();
        assertThat(one.received(0)).isNull();
        assertThat(apart.received(0)).isNull();
        assertThat(two.machine.isWoken()).isFalse();
        // The switch has learned where the first one is, and asks no others.
        assertThat(three.command(0, 0, 1)).isZero();
        two.send(1, two.frame(MAC, OTHER, 60), 60);
        assertThat(one.received(0)).isNotNull();
        assertThat(three.received(0)).isNull();
    }

    @Test
    void theLinkGoesDownAndUp() {
        Card card = card(ALL);
        card.supply(0, 4);
        card.machine.write(0x10, 2, 0);
        card.machine.model().fault("link", Map.of("up", "off"));
        assertThat(card.host.config(6, 2)).isZero();
        assertThat(card.machine.messages).contains(0);
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).isNull();
        card.machine.model().fault("link", Map.of("up", "on"));
        assertThat(card.host.config(6, 2)).isEqualTo(1);
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).isNotNull();
    }

    @Test
    void announcementIsAskedForUntilItIsAcknowledged() {
        Card card = card(ALL);
        card.machine.model().fault("announce", Map.of());
        assertThat(card.host.config(6, 2)).isEqualTo(3);
        assertThat(card.command(3, 0)).isZero();
        assertThat(card.host.config(6, 2)).isEqualTo(1);
    }

    @Test
    void severalQueuesReceiveWhatWasSentBesideThem() {
        Card card = card(ALL, "queues", "2");
        assertThat(card.rings).hasSize(5);
        assertThat(card.command(4, 0, 3, 0)).isEqualTo(1);
        assertThat(card.machine.violations).hasSize(1);
        card.supply(0, 4);
        card.supply(2, 4);
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).isNotNull();
        assertThat(card.command(4, 0, 2, 0)).isZero();
        card.send(3, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(2)).isNotNull();
        assertThat(card.received(0)).isNull();
    }

    @Test
    void whatADriverMustNotSendIsReported() {
        Card card = card(ALL & ~CSUM & ~HOST_TSO4 & ~(1 << 12));
        card.supply(0, 4);
        long at = card.frame(MAC, OTHER, 60);
        Wire.put8(card.host.memory(), at, 1);
        card.send(1, at, 60);
        assertThat(card.machine.violations).hasSize(1).first().asString().contains("5.1.6.2.1");
        at = card.frame(MAC, OTHER, 60);
        Wire.put8(card.host.memory(), at + 1, 1);
        card.send(1, at, 60);
        assertThat(card.machine.violations).hasSize(2);
        assertThat(card.features & MTU).isNotZero();
        card.send(1, card.frame(MAC, OTHER, 1519), 1519);
        assertThat(card.machine.violations).hasSize(3);
    }

    @Test
    void featuresThatNeedOthersAreRefused() {
        FakeMachine machine = new FakeMachine(factory.create("net9", Map.of()));
        Host host = new Host(machine);
        for (long missing : new long[] {CSUM, GUEST_CSUM, CTRL_VQ}) {
            host.negotiate(host.offered() & ~missing);
            assertThat(host.status()).isEqualTo(3);
        }
        host.negotiate(host.offered() & ~CTRL_RX);
        assertThat(host.status()).isEqualTo(0xB);
        assertThat(machine.violations).hasSize(3);
        machine.close();
    }

    @Test
    void shortAndOversizedFramesAndWrongCounts() {
        Card card = card(ALL);
        card.supply(0, 16);
        card.machine.model().fault("short-packet", Map.of("bytes", "20"));
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).hasSize(8);
        card.machine.model().fault("oversized-packet", Map.of("bytes", "5000"));
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).hasSize(4988);
        card.machine.model().fault("drop-packet", Map.of());
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        assertThat(card.received(0)).isNull();
        card.machine.model().fault("num-buffers", Map.of("value", "9"));
        card.send(1, card.frame(MAC, OTHER, 60), 60);
        card.machine.settle();
        Used used = card.rings.get(0).poll();
        assertThat(Wire.u16(card.host.memory(), card.buffers.get(used.id()) + 10)).isEqualTo(9);
    }
}
