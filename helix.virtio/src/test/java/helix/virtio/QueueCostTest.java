package helix.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/// What posting and reaping cost, without a device's time: `-Dhelix.test.args='-Dhelix.timing=true
/// -XX:TieredStopAtLevel=4'`. The device here only writes what says that all is used; its time is
/// measured alone and taken off.
@Tag("timing")
@EnabledIfSystemProperty(named = "helix.timing", matches = "true")
class QueueCostTest {
    private static final int SIZE = 256;
    private static final int BATCH = 32;
    private static final int ROUNDS = 1_000;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final Arena arena = Arena.ofShared();

    /// Marks used what was submitted last.
    private interface Marker {
        void use(int count, int length);
    }

    @Test
    void cost() {
        for (boolean packed : new boolean[] {false, true}) {
            for (int pieces : new int[] {1, 3}) {
                for (boolean indirect : new boolean[] {false, true}) {
                    if (pieces > 1 || !indirect) {
                        report(packed, indirect, pieces);
                    }
                }
            }
        }
    }

    private void report(boolean packed, boolean indirect, int pieces) {
        long features =
                VirtioFeature.VERSION_1
                        | VirtioFeature.RING_EVENT_IDX
                        | (packed ? VirtioFeature.RING_PACKED : 0)
                        | (indirect ? VirtioFeature.RING_INDIRECT_DESC : 0);
        Virtqueue.Shape shape = new Virtqueue.Shape(0, SIZE, features, 4);
        MemorySegment segment = arena.allocate(Virtqueue.bytes(shape), 4096);
        DmaBuffer buffer = new DmaBuffer(segment, 1 << 20, this, _ -> {});
        MmioRegion doorbell = MmioRegion.ofMapped("doorbell", new AnyLease(), arena.allocate(8, 8));
        Virtqueue queue = Virtqueue.create(shape, buffer, doorbell, 0);
        int entries = indirect ? 1 : pieces;
        Marker marker =
                packed
                        ? new PackedMarker(segment, queue.descriptorArea() - (1 << 20), entries)
                        : new SplitMarker(segment, queue.deviceArea() - (1 << 20), entries);
        double best = Double.MAX_VALUE;
        double markerBest = Double.MAX_VALUE;
        for (int run = 0; run < 500; run++) {
            best = Math.min(best, run(queue, marker, pieces));
            // The marker alone, on a ring that nobody looks at.
            Marker alone =
                    packed
                            ? new PackedMarker(arena.allocate(65536, 64), 0, entries)
                            : new SplitMarker(arena.allocate(65536, 64), 0, entries);
            long start = System.nanoTime();
            for (int i = 0; i < ROUNDS; i++) {
                alone.use(BATCH, 0);
            }
            markerBest =
                    Math.min(markerBest, (System.nanoTime() - start) / (double) (ROUNDS * BATCH));
        }
        double cost = best - markerBest;
        System.out.printf(
                "%s, %d piece(s)%s: %.1f ns a buffer, %.1f ns a descriptor (device %.1f ns)%n",
                packed ? "packed" : "split",
                pieces,
                pieces == 1 ? "" : indirect ? " indirect" : " direct",
                cost,
                cost / pieces,
                markerBest);
        assertThat(queue.isBroken()).isFalse();
    }

    private static double run(Virtqueue queue, Marker marker, int pieces) {
        long start = System.nanoTime();
        for (int i = 0; i < ROUNDS; i++) {
            for (int n = 0; n < BATCH; n++) {
                if (!queue.begin(pieces)) {
                    throw new AssertionError("full");
                }
                for (int p = 0; p < pieces; p++) {
                    queue.in(0x1000_0000L + n * 4096L, 512);
                }
                queue.submit(n);
            }
            boolean _ = queue.kick();
            marker.use(BATCH, 0);
            for (int n = 0; n < BATCH; n++) {
                if (!queue.poll()) {
                    throw new AssertionError(queue.defect());
                }
            }
        }
        return (System.nanoTime() - start) / (double) (ROUNDS * BATCH);
    }

    /// Free descriptors are taken last in, first out, so heads are found as the driver found them.
    private static final class SplitMarker implements Marker {
        private final MemorySegment memory;
        private final long used;
        private final int[] heads = new int[BATCH];
        private int index;

        SplitMarker(MemorySegment memory, long used, int entries) {
            this.memory = memory;
            this.used = used;
            for (int i = 0; i < BATCH; i++) {
                heads[i] = i * entries;
            }
        }

        @Override
        public void use(int count, int length) {
            // Backwards, so that the free list is the same again.
            for (int i = count - 1; i >= 0; i--) {
                memory.set(LONG, used + 4 + 8L * (index++ & SIZE - 1), heads[i]);
            }
            memory.set(SHORT, used + 2, (short) index);
        }
    }

    private static final class PackedMarker implements Marker {
        private final MemorySegment memory;
        private final long ring;
        private final int entries;
        private int position;
        private boolean wrap = true;

        PackedMarker(MemorySegment memory, long ring, int entries) {
            this.memory = memory;
            this.ring = ring;
            this.entries = entries;
        }

        @Override
        public void use(int count, int length) {
            for (int id = count - 1; id >= 0; id--) {
                long flags = wrap ? 0x8080L << 48 : 0;
                memory.set(LONG, ring + 16L * position + 8, (long) id << 32 | flags);
                position += entries;
                if (position >= SIZE) {
                    position -= SIZE;
                    wrap = !wrap;
                }
            }
        }
    }

    private static final class AnyLease implements Lease {
        @Override
        public Device device() {
            throw new UnsupportedOperationException("no device");
        }

        @Override
        public String owner() {
            return "test";
        }

        @Override
        public long epoch() {
            return 1;
        }

        @Override
        public State state() {
            return State.VALID;
        }
    }
}
