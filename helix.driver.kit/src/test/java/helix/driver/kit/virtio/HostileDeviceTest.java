package helix.driver.kit.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.kit.virtio.QueueRig.Format;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A device that breaks the rules breaks its queue, and nothing else.
class HostileDeviceTest {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final Format SPLIT = new Format(false, false, true);
    private static final Format PACKED = new Format(true, false, true);
    private static final int MUTATIONS = 25_000;

    static List<Format> formats() {
        return Format.all();
    }

    /// Garbage wherever the device may write, bookkeeping included: no exception, each token at
    /// most once, and no more of them than are in flight. The segments' bounds are the walls: an
    /// access beyond them would throw.
    @ParameterizedTest
    @MethodSource("formats")
    void garbageIsSurvived(Format format) {
        Random random = new Random(format.hashCode());
        int broken = 0;
        for (int n = 0; n < MUTATIONS; ) {
            int size = format.packed() ? 1 + random.nextInt(20) : 1 << random.nextInt(5);
            int segments = 1 + random.nextInt(Math.min(4, size));
            try (QueueRig rig = new QueueRig(format, size, segments, n)) {
                rig.work(60, false, false);
                byte[] data = rig.data.segment().toArray(ValueLayout.JAVA_BYTE);
                Set<Integer> out = new HashSet<>();
                for (int i = 0; i < 40; i++, n++) {
                    submitAll(rig.queue, rig.data.address(), random, out);
                    boolean _ = rig.queue.kick();
                    spoil(rig, random);
                    pollAll(rig.queue, out);
                    boolean _ = rig.queue.enableInterrupts();
                    rig.queue.disableInterrupts();
                }
                broken += rig.queue.isBroken() ? 1 : 0;
                assertThat(rig.queue.isBroken()).isEqualTo(!rig.queue.defect().isEmpty());
                assertThat(rig.data.segment().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
            }
        }
        assertThat(broken).isPositive();
    }

    private static int token;

    private static void submitAll(Virtqueue queue, long address, Random random, Set<Integer> out) {
        int most = queue.shape().segments();
        int pieces = 1 + random.nextInt(most);
        while (random.nextInt(8) != 0 && queue.begin(pieces)) {
            for (int i = 0; i < pieces; i++) {
                if (i == 0 && pieces > 1) {
                    queue.out(address, 1);
                } else {
                    queue.in(address, 64);
                }
            }
            out.add(++token);
            queue.submit(token);
            pieces = 1 + random.nextInt(most);
        }
        assertThat(queue.inFlight()).isEqualTo(out.size());
    }

    private static void pollAll(Virtqueue queue, Set<Integer> out) {
        while (queue.poll()) {
            assertThat(out.remove(queue.token())).isTrue();
            assertThat(queue.written()).isBetween(0, 64 * queue.shape().segments());
            assertThat(queue.isBroken()).isFalse();
        }
        assertThat(queue.inFlight()).isEqualTo(out.size());
        Set<Integer> left = new HashSet<>();
        queue.forEachInFlight(left::add);
        assertThat(left).isEqualTo(out);
    }

    /// Some likely lies, and some noise.
    private static void spoil(QueueRig rig, Random random) {
        MemorySegment used = rig.ring.deviceArea();
        MemorySegment table = rig.ring.descriptorArea();
        int size = rig.queue.shape().size();
        switch (random.nextInt(6)) {
            case 0 -> noise(used, random);
            case 1 -> noise(table, random);
            case 2 -> noise(rig.bytes(), random);
            default -> {
                if (rig.format.packed()) {
                    long at = 16L * random.nextInt(size);
                    table.set(SHORT, at + 12, (short) random.nextInt(size + 1));
                    table.set(INT, at + 8, random.nextInt(80));
                    table.set(SHORT, at + 14, (short) (random.nextInt() & 0x8082));
                } else {
                    int index = used.get(SHORT, 2) + random.nextInt(3);
                    used.set(INT, 4 + 8L * random.nextInt(size), random.nextInt(size + 1));
                    used.set(INT, 8 + 8L * random.nextInt(size), random.nextInt(80));
                    used.set(SHORT, 2, (short) index);
                }
            }
        }
    }

    private static void noise(MemorySegment memory, Random random) {
        for (int n = 1 + random.nextInt(4); n > 0; n--) {
            long at = random.nextLong(memory.byteSize());
            memory.set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt());
        }
    }

    @Test
    void aSplitUsedIndexThatJumpsBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            rig.ring.deviceArea().set(SHORT, 2, (short) 4);
            breaks(rig, "used index 4 is 4 beyond 0 with 3 buffers available");
        }
    }

    @Test
    void aSplitIdOutOfRangeBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            use(rig, 8, 0);
            breaks(rig, "used id 8 is not in flight");
        }
    }

    @Test
    void aSplitIdThatIsNotInFlightBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            use(rig, 5, 0);
            breaks(rig, "used id 5 is not in flight");
        }
    }

    @Test
    void aSplitIdThatWasNotShownBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            assertThat(rig.submit(1, 0)).isTrue();
            use(rig, 3, 0);
            breaks(rig, "used id 3 is not in flight");
        }
    }

    @Test
    void aSplitIdUsedTwiceBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            use(rig, 1, 0);
            assertThat(rig.queue.poll()).isTrue();
            rig.ring.deviceArea().set(INT, 12, 1);
            rig.ring.deviceArea().set(SHORT, 2, (short) 2);
            breaks(rig, "used id 1 is not in flight");
        }
    }

    @Test
    void aSplitLengthBeyondWhatIsWritableBreaksTheQueue() {
        try (QueueRig rig = shown(SPLIT)) {
            use(rig, 0, 1000);
            breaks(rig, "used id 0 has length 1000 of ");
        }
    }

    @Test
    void aPackedIdOutOfRangeBreaksTheQueue() {
        try (QueueRig rig = shown(PACKED)) {
            usePacked(rig, 8, 0, 0x8080);
            breaks(rig, "used id 8 is not in flight");
        }
    }

    @Test
    void aPackedIdThatWasNotShownBreaksTheQueue() {
        try (QueueRig rig = shown(PACKED)) {
            assertThat(rig.submit(1, 0)).isTrue();
            usePacked(rig, 3, 0, 0x8080);
            breaks(rig, "used id 3 is not in flight");
        }
    }

    @Test
    void aPackedLengthBeyondWhatIsWritableBreaksTheQueue() {
        try (QueueRig rig = shown(PACKED)) {
            usePacked(rig, 0, 1000, 0x8082);
            breaks(rig, "used id 0 has length 1000 of ");
        }
    }

    @Test
    void aPackedLengthWithoutWriteMeansNothing() {
        try (QueueRig rig = shown(PACKED)) {
            usePacked(rig, 0, 1000, 0x8080);
            assertThat(rig.queue.poll()).isTrue();
            assertThat(rig.queue.written()).isZero();
        }
    }

    /// As QEMU has it.
    @Test
    void aPackedLengthWithoutWriteCountsWhereItCan() {
        try (QueueRig rig = shown(PACKED)) {
            usePacked(rig, 0, 3, 0x8080);
            assertThat(rig.queue.poll()).isTrue();
            assertThat(rig.queue.written()).isEqualTo(3);
        }
    }

    @Test
    void packedFlagsThatNobodyWroteBreakTheQueue() {
        try (QueueRig rig = shown(PACKED)) {
            usePacked(rig, 0, 0, 0x8000);
            breaks(rig, "descriptor 0 has flags 0x8000");
        }
    }

    @Test
    void aPackedDescriptorThatWasNotAvailableBreaksTheQueue() {
        try (QueueRig rig = new QueueRig(PACKED, 8, 1, 1)) {
            usePacked(rig, 0, 0, 0x8080);
            breaks(rig, "used descriptor 0 was not available");
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void anyEventFieldIsTaken(Format format) {
        try (QueueRig rig = new QueueRig(format, 4, 1, 1)) {
            rig.armed = false;
            long at = format.packed() ? 0 : format.eventIndex() ? 4 + 8 * 4 : 0;
            int fields = format.packed() ? 4 : 2;
            for (int i = 0; i < 1 << 16; i += 5) {
                assertThat(rig.submit(1, 1)).isTrue();
                rig.ring.deviceArea().set(SHORT, at, (short) i);
                if (fields == 4) {
                    rig.ring.deviceArea().set(SHORT, at + 2, (short) (i * 7));
                }
                rig.armed = false;
                rig.kick();
                assertThat(rig.take()).isTrue();
                rig.use(true);
                assertThat(rig.reap()).isTrue();
            }
        }
    }

    private static QueueRig shown(Format format) {
        QueueRig rig = new QueueRig(format, 8, 1, 1);
        for (int i = 0; i < 3; i++) {
            assertThat(rig.submit(1, 0)).isTrue();
        }
        rig.kick();
        return rig;
    }

    private static void use(QueueRig rig, int id, int length) {
        MemorySegment used = rig.ring.deviceArea();
        used.set(INT, 4, id);
        used.set(INT, 8, length);
        used.set(SHORT, 2, (short) 1);
    }

    private static void usePacked(QueueRig rig, int id, int length, int flags) {
        MemorySegment ring = rig.ring.descriptorArea();
        ring.set(INT, 8, length);
        ring.set(SHORT, 12, (short) id);
        ring.set(SHORT, 14, (short) flags);
    }

    private static void breaks(QueueRig rig, String defect) {
        int inFlight = rig.queue.inFlight();
        assertThat(rig.queue.isBroken()).isFalse();
        assertThat(rig.queue.poll()).isFalse();
        assertThat(rig.queue.isBroken()).isTrue();
        assertThat(rig.queue.defect()).startsWith("queue 0: " + defect);
        // It gives nothing any more, and shows nothing.
        assertThat(rig.queue.poll()).isFalse();
        assertThat(rig.queue.kick()).isFalse();
        assertThat(rig.queue.inFlight()).isEqualTo(inFlight);
    }
}
