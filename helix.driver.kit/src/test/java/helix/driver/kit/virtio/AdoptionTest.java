package helix.driver.kit.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.kit.virtio.QueueRig.Format;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The next generation goes on with a queue, or refuses one that is not intact.
class AdoptionTest {
    private static final int HEADER = 128;
    private static final int VERSION = 8;
    private static final int CRC = 56;
    private static final int ENTRY = 16;

    static List<Format> formats() {
        return Format.all();
    }

    @ParameterizedTest
    @MethodSource("formats")
    void workGoesOnAcrossGenerations(Format format) {
        for (int seed = 0; seed < 6; seed++) {
            int size = format.packed() ? 5 + 11 * seed : 4 << seed;
            try (QueueRig rig = new QueueRig(format, size, 4, seed)) {
                rig.work(1500, seed % 2 == 0, true);
                assertThat(rig.completed).isGreaterThan(5 * size);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void whatIsUsedDuringTheHandOverIsSeen(Format format) {
        try (QueueRig rig = new QueueRig(format, 16, 3, 1)) {
            for (int i = 0; i < 5; i++) {
                assertThat(rig.submit()).isTrue();
            }
            rig.kick();
            assertThat(rig.submit(1, 0)).isTrue();
            while (rig.take()) {}
            rig.use(false);
            rig.use(false);
            rig.adopt();
            assertThat(rig.reap()).isTrue();
            assertThat(rig.reap()).isTrue();
            assertThat(rig.reap()).isFalse();
            // What was submitted and not shown is shown by the next kick.
            assertThat(rig.take()).isFalse();
            rig.kick();
            assertThat(rig.take()).isTrue();
            rig.drain(true);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void anAdoptedQueueKeepsInterruptsOff(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 1, 2)) {
            for (int i = 0; i < 40_000; i++) {
                assertThat(rig.submit(1, 1)).isTrue();
                rig.kick();
                assertThat(rig.take()).isTrue();
                rig.use(true);
                assertThat(rig.ring.interruptDue()).isFalse();
                assertThat(rig.reap()).isTrue();
                if (i % 1000 == 0) {
                    rig.adopt();
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aHeaderWithAnyBitFlippedIsRefused(Format format) {
        try (QueueRig rig = inMidFlight(format)) {
            MemorySegment bytes = rig.bytes();
            for (int at = 0; at < HEADER; at++) {
                for (int bit = 0; bit < 8; bit++) {
                    refusesFlipped(rig, bytes, at, bit);
                }
            }
            rig.adopt();
            rig.drain(true);
        }
    }

    /// Version 1 had packed queues with indirect descriptors where each buffer has one entry. What
    /// reads only that must not be given more.
    @ParameterizedTest
    @MethodSource("formats")
    void anOlderLayoutIsTakenOverAndKeptAsTodays(Format format) {
        try (QueueRig rig = inMidFlight(format)) {
            version(rig, 3);
            refuses(rig);
            version(rig, 1);
            rig.adoptKept();
            assertThat(rig.bytes().get(ValueLayout.JAVA_INT, VERSION)).isEqualTo(1);
            rig.reserve(0);
            rig.drain(true);
            assertThat(rig.submit(3, 1)).isTrue();
            rig.kick();
            rig.queue.keep();
            assertThat(rig.bytes().get(ValueLayout.JAVA_INT, VERSION)).isEqualTo(2);
            rig.adoptKept();
            rig.drain(true);
        }
    }

    private static void version(QueueRig rig, int version) {
        rig.bytes().set(ValueLayout.JAVA_INT, VERSION, version);
        CRC32C crc = new CRC32C();
        crc.update(rig.bytes().asSlice(0, CRC).asByteBuffer());
        rig.bytes().set(ValueLayout.JAVA_LONG, CRC, crc.getValue() | ~crc.getValue() << 32);
    }

    @ParameterizedTest
    @MethodSource("formats")
    void whatChangedSinceItWasKeptIsRefused(Format format) {
        try (QueueRig rig = inMidFlight(format)) {
            rig.kick();
            refuses(rig);
            rig.queue.keep();
            assertThat(rig.reap()).isTrue();
            refuses(rig);
            rig.queue.keep();
            assertThat(rig.submit(1, 0)).isTrue();
            refuses(rig);
            rig.adopt();
            rig.drain(true);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void bookkeepingOfWhatIsInFlightIsChecked(Format format) {
        try (QueueRig rig = inMidFlight(format)) {
            MemorySegment bytes = rig.bytes();
            for (int entry = 0; entry < 16; entry++) {
                long at = HEADER + (long) ENTRY * entry;
                if (bytes.get(ValueLayout.JAVA_LONG, at + 8) == 0) {
                    continue;
                }
                for (int i = 0; i < ENTRY; i++) {
                    for (int bit = 0; bit < 8; bit++) {
                        refusesFlipped(rig, bytes, at + i, bit);
                    }
                }
                // One buffer less than the indexes say.
                long kept = bytes.get(ValueLayout.JAVA_LONG, at + 8);
                bytes.set(ValueLayout.JAVA_LONG, at + 8, 0);
                refuses(rig);
                bytes.set(ValueLayout.JAVA_LONG, at + 8, kept);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void spoiledMemoryIsRefusedOrHarmless(Format format) {
        Random random = new Random(11);
        try (QueueRig rig = inMidFlight(format)) {
            byte[] good = rig.bytes().toArray(ValueLayout.JAVA_BYTE);
            for (int i = 0; i < 4000; i++) {
                for (int n = random.nextInt(4); n >= 0; n--) {
                    int at = random.nextInt((int) rig.bytes().byteSize());
                    rig.bytes().set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
                }
                tryToUse(rig);
                MemorySegment.copy(good, 0, rig.bytes(), ValueLayout.JAVA_BYTE, 0, good.length);
            }
        }
    }

    private static void tryToUse(QueueRig rig) {
        Virtqueue queue;
        try {
            queue =
                    Virtqueue.adopt(
                            rig.memory, rig.transport.doorbell(0), rig.transport.doorbellValue(0));
        } catch (IllegalArgumentException refused) {
            assertThat(refused).hasMessageStartingWith("no intact virtqueue: ");
            return;
        }
        while (queue.poll()) {}
        while (queue.begin(1)) {
            queue.out(rig.data.address(), 1);
            queue.submit(1);
        }
        boolean _ = queue.kick();
        while (queue.poll()) {}
        assertThat(queue.inFlight() + queue.free()).isBetween(0, 2 * queue.shape().size());
    }

    private static QueueRig inMidFlight(Format format) {
        QueueRig rig = new QueueRig(format, 16, 3, 5);
        rig.work(200, false, true);
        while (rig.submit(2, 1)) {}
        rig.kick();
        for (int i = 0; i < 5; i++) {
            assertThat(rig.take()).isTrue();
        }
        rig.use(false);
        rig.use(false);
        rig.use(false);
        assertThat(rig.reap()).isTrue();
        assertThat(rig.reap()).isTrue();
        assertThat(rig.submit(1, 0)).isTrue();
        rig.queue.keep();
        return rig;
    }

    private static void refusesFlipped(QueueRig rig, MemorySegment bytes, long at, int bit) {
        byte kept = bytes.get(ValueLayout.JAVA_BYTE, at);
        bytes.set(ValueLayout.JAVA_BYTE, at, (byte) (kept ^ 1 << bit));
        assertThatThrownBy(() ->
                        Virtqueue.adopt(
                                rig.memory,
                                rig.transport.doorbell(0),
                                rig.transport.doorbellValue(0)))
                .as("bit %d of byte %d", bit, at)
                .isInstanceOf(IllegalArgumentException.class);
        bytes.set(ValueLayout.JAVA_BYTE, at, kept);
    }

    private static void refuses(QueueRig rig) {
        assertThatThrownBy(() ->
                        Virtqueue.adopt(
                                rig.memory,
                                rig.transport.doorbell(0),
                                rig.transport.doorbellValue(0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("no intact virtqueue: ");
    }
}
