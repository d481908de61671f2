package helix.driver.kit.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.kit.virtio.QueueRig.Format;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Queues against a device's side that is written from the specification: `helix.virtio`'s own
/// tests cannot have it without a circle of bundles.
class VirtqueueTest {
    static List<Format> formats() {
        return Format.all();
    }

    @ParameterizedTest
    @MethodSource("formats")
    void eachBufferComesBackOnceInOrder(Format format) {
        try (QueueRig rig = new QueueRig(format, 64, 5, 1)) {
            rig.work(6000, true, false);
            assertThat(rig.completed).isGreaterThan(64 * 20);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void eachBufferComesBackOnceOutOfOrder(Format format) {
        try (QueueRig rig = new QueueRig(format, 64, 5, 2)) {
            rig.work(6000, false, false);
            assertThat(rig.completed).isGreaterThan(64 * 20);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void buffersGoWithoutTablesWhileEnoughEntriesStayFree(Format format) {
        try (QueueRig rig = new QueueRig(format, 16, 3, 8)) {
            rig.reserve(8);
            List<Integer> free = new ArrayList<>();
            while (rig.submit(3, 1)) {
                free.add(rig.queue.free());
            }
            if (format.indirect()) {
                // Whoever has eight buffers in flight at most finds an entry for each.
                assertThat(free).containsExactly(13, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            } else {
                assertThat(free).containsExactly(13, 10, 7, 4, 1);
            }
            rig.drain(false);
            rig.work(6000, false, true);
            assertThat(rig.completed).isGreaterThan(16 * 20);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aPieceThatIsNoneIsRefused(Format format) {
        try (QueueRig rig = new QueueRig(format, 4, 1, 9)) {
            assertThatThrownBy(() -> rig.queue.submitOne(rig.data.address(), 0, true, 1))
                    .isInstanceOf(IllegalArgumentException.class);
            while (rig.submit(1, 1)) {}
            assertThat(rig.queue.submitOne(rig.data.address(), 1, true, 1)).isFalse();
            rig.drain(true);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void indexesWrap(Format format) {
        try (QueueRig rig = new QueueRig(format, 4, 1, 3)) {
            int count = format.packed() ? 2_000 : 70_000;
            for (int i = 0; i < count; i++) {
                assertThat(rig.submit(1, i & 1)).isTrue();
                if ((i & 3) == 3) {
                    rig.drain(true);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void anySizeWorks(Format format) {
        for (int size = 1; size <= 1024; size++) {
            // All sizes for one packed format, some for the others.
            boolean all = format.packed() && format.eventIndex() && !format.indirect();
            boolean power = Integer.bitCount(size) == 1;
            if (!power && !(all || format.packed() && size % 37 == 0)) {
                continue;
            }
            int segments = Math.min(size, 1 + size % 4);
            try (QueueRig rig = new QueueRig(format, size, segments, size)) {
                // Full, and three laps.
                int laps = size <= 130 || size % 64 == 0 ? 3 : 0;
                for (int lap = 0; lap < laps; lap++) {
                    while (rig.submit(1, 0)) {}
                    assertThat(rig.queue.free()).isZero();
                    rig.drain(lap % 2 == 0);
                }
                rig.work(20, false, true);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aFullQueueSaysSo(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 3, 4)) {
            while (rig.submit(3, 1)) {}
            while (rig.submit(1, 1)) {}
            assertThat(rig.queue.free()).isZero();
            assertThat(rig.queue.begin(1)).isFalse();
            assertThatThrownBy(() -> rig.queue.in(0x1000, 1))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> rig.queue.submit(1)).isInstanceOf(IllegalStateException.class);
            rig.drain(true);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void whatIsNotSubmittedIsNotSeen(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 3, 5)) {
            for (int i = 0; i < 50; i++) {
                assertThat(rig.submit(1, 1)).isTrue();
                // Begun and left, in both places where the device might look next.
                assertThat(rig.queue.begin(3)).isTrue();
                rig.queue.out(rig.data.address(), 10);
                rig.queue.in(rig.data.address(), 10);
                if (i % 2 == 0) {
                    rig.kick();
                    assertThat(rig.take()).isTrue();
                    assertThat(rig.take()).isFalse();
                }
                assertThat(rig.queue.begin(3)).isTrue();
                rig.queue.out(rig.data.address(), 10);
                rig.queue.in(rig.data.address(), 10);
                rig.queue.in(rig.data.address(), 10);
                assertThatThrownBy(() -> rig.queue.in(rig.data.address(), 10))
                        .isInstanceOf(IllegalArgumentException.class);
                if (i % 3 == 0) {
                    rig.adopt();
                }
                rig.drain(true);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void nothingIsVisibleBeforeTheKick(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 2, 6)) {
            assertThat(rig.submit(2, 1)).isTrue();
            assertThat(rig.submit(1, 1)).isTrue();
            assertThat(rig.take()).isFalse();
            rig.kick();
            assertThat(rig.take()).isTrue();
            assertThat(rig.take()).isTrue();
            rig.drain(false);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void theDeviceIsNotNotifiedWhenItDoesNotWant(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 1, 7)) {
            rig.ring.kicks(false);
            rig.armed = false;
            for (int i = 0; i < 1000; i++) {
                assertThat(rig.submit(1, 1)).isTrue();
                assertThat(rig.queue.kick()).isFalse();
                rig.unkicked = 0;
                assertThat(rig.take()).isTrue();
                rig.use(true);
                assertThat(rig.reap()).isTrue();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aPollingDriverGetsNoInterrupts(Format format) {
        try (QueueRig rig = new QueueRig(format, 8, 1, 8)) {
            // A suppressing index that stays behind would be passed after 2^15.
            int count = format.packed() || !format.eventIndex() ? 2_000 : 70_000;
            for (int i = 0; i < count; i++) {
                assertThat(rig.submit(1, 1)).isTrue();
                rig.kick();
                assertThat(rig.take()).isTrue();
                rig.use(true);
                assertThat(rig.ring.interruptDue()).isFalse();
                assertThat(rig.reap()).isTrue();
            }
        }
    }

    @Test
    void wrongCallsThrow() {
        try (QueueRig rig = new QueueRig(new Format(false, false, false), 8, 3, 9)) {
            long address = rig.data.address();
            assertThatThrownBy(() -> rig.queue.begin(4))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> rig.queue.begin(0))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> rig.queue.submit(1)).isInstanceOf(IllegalStateException.class);
            assertThat(rig.queue.begin(2)).isTrue();
            rig.queue.in(address, 5);
            assertThatThrownBy(() -> rig.queue.out(address, 5))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(rig.queue.begin(2)).isTrue();
            assertThatThrownBy(() -> rig.queue.in(address, 0))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(rig.queue.begin(2)).isTrue();
            rig.queue.in(address, 5);
            assertThatThrownBy(() -> rig.queue.submit(1)).isInstanceOf(IllegalStateException.class);
            assertThat(rig.queue.inFlight()).isZero();
        }
    }
}
