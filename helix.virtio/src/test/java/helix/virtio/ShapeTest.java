package helix.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
    @Test
    void areasAreAlignedAndApart() {
        for (int size = 1; size <= 32768; size <<= 1) {
            for (int bits = 0; bits < 4; bits++) {
                long features =
                        ((bits & 1) != 0 ? VirtioFeature.RING_PACKED : 0)
                                | ((bits & 2) != 0 ? VirtioFeature.RING_INDIRECT_DESC : 0);
                Virtqueue.Shape shape = new Virtqueue.Shape(0, size, features, Math.min(size, 10));
                QueueLayout layout = QueueLayout.of(shape);
                boolean packed = (bits & 1) != 0;
                assertThat(layout.descriptors() % 16).isZero();
                assertThat(layout.driver() % 4).isZero();
                assertThat(layout.device() % 4).isZero();
                assertThat(layout.tables() % 16).isZero();
                assertThat(layout.descriptors()).isGreaterThanOrEqualTo(128 + 16L * size);
                assertThat(layout.driver() - layout.descriptors())
                        .isGreaterThanOrEqualTo(16L * size);
                assertThat(layout.device() - layout.driver())
                        .isGreaterThanOrEqualTo(packed ? 4 : 6 + 2L * size);
                assertThat(layout.tables() - layout.device())
                        .isGreaterThanOrEqualTo(packed ? 4 : 6 + 8L * size);
                assertThat(layout.bytes())
                        .isGreaterThanOrEqualTo(layout.tables() + layout.tableBytes() * size)
                        .isEqualTo(Virtqueue.bytes(shape));
                assertThat(layout.bytes() % 4096).isZero();
            }
        }
    }

    @Test
    void whatCannotBeIsRefused() {
        refuses(0, 0, 0, 1, "queue size 0");
        refuses(0, 65536, 0, 1, "queue size 65536");
        refuses(0, 3, 0, 1, "no power of two");
        refuses(0, 4, 0, 0, "segments 0");
        refuses(0, 4, VirtioFeature.RING_INDIRECT_DESC, 5, "segments 5 not in 1..4");
        refuses(65536, 4, 0, 1, "queue 65536");
        refuses(0, 4, VirtioFeature.IN_ORDER, 1, "0x800000000");
        refuses(0, 4, VirtioFeature.NOTIFICATION_DATA, 1, "0x4000000000");
        assertThat(Virtqueue.bytes(new Virtqueue.Shape(0, 3, VirtioFeature.RING_PACKED, 1)))
                .isPositive();
    }

    private static void refuses(int index, int size, long features, int segments, String message) {
        assertThatThrownBy(
                        () -> Virtqueue.bytes(new Virtqueue.Shape(index, size, features, segments)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }
}
