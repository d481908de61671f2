package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleState;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A generation goes on with what the one before had in flight.
class HandOverTest {
    private static Fixture shape(String shape) {
        return switch (shape) {
            case "split" -> Fixture.usual();
            case "packed" -> new Fixture(Fixture.USUAL | VirtioFeature.RING_PACKED, 128, 128);
            case "one queue" -> new Fixture(Fixture.USUAL & ~Blk.F_MQ, 64);
            default -> throw new IllegalArgumentException(shape);
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"split", "packed", "one queue"})
    void requestsInFlightEndInTheNextGeneration(String shape) {
        try (Fixture f = shape(shape).start();
                DmaBuffer buffer = f.disk().allocate(8192)) {
            int resets = f.media.device.resets();
            f.disk().writeBlock(5, MemorySegment.ofArray(new byte[512]));
            BlockQueue queue = f.disk().openQueue(QueueOptions.interrupt(16).asPassable());
            assertThat(queue.handle()).isNotZero();
            f.media.hold = true;
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                buffer.segment().set(ValueLayout.JAVA_BYTE, 512L * i, (byte) (i + 1));
                int flags = i % 2 == 0 ? BlockOp.FUA : 0;
                assertThat(queue.submit(BlockOp.WRITE, flags, i, 1, buffer, 512L * i, 100 + i))
                        .isTrue();
                expected.add(100 + i + ":ok");
            }
            // Ended and not polled.
            assertThat(queue.submit(BlockOp.COMPARE, 0, 0, 1, buffer, 0, 99)).isTrue();
            ModuleState state = f.save();
            assertThat(queue.isOpen()).isFalse();
            assertThat(queue.inFlight()).isZero();
            f.adopt(state);
            assertThat(f.media.device.resets()).isEqualTo(resets);
            BlockQueue next = f.follow(queue);
            assertThat(f.disk().adoptQueue(queue.handle())).as("taken once").isNull();
            assertThat(next.inFlight()).isEqualTo(9);
            assertThat(next.depth()).isEqualTo(16);
            f.media.hold = false;
            f.media.release(0);
            expected.add("99:not supported by the device");
            assertThat(Fixture.drain(next, 9)).containsExactlyInAnyOrderElementsOf(expected);
            for (int i = 0; i < 8; i++) {
                assertThat(f.media.bytes[512 * i]).isEqualTo((byte) (i + 1));
            }
            assertThat(f.media.types.stream().filter(t -> t == Blk.T_FLUSH)).hasSize(4);
            f.disk().readBlock(0, MemorySegment.ofArray(new byte[4096]));
            next.close();
            queue.close();
            f.driver.stop();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"split", "packed", "one queue"})
    void manyGenerationsLoseNothing(String shape) {
        try (Fixture f = shape(shape).start();
                DmaBuffer buffer = f.disk().allocate(4096)) {
            BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8).asPassable());
            int tag = 0;
            for (int generation = 0; generation < 50; generation++) {
                List<String> expected = new ArrayList<>();
                f.media.hold = true;
                for (int i = 0; i < 1 + generation % 8; i++) {
                    assertThat(queue.submit(BlockOp.READ, 0, tag, 1, buffer, 0, tag)).isTrue();
                    expected.add(tag++ + ":ok");
                }
                f.adopt(f.save());
                queue = f.follow(queue);
                f.media.hold = false;
                f.media.release(0);
                assertThat(Fixture.drain(queue, expected.size())).isEqualTo(expected);
            }
            assertThat(f.context.failures).isEmpty();
            queue.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"split", "packed", "one queue"})
    void aQueueThatCannotFollowEndsAndItsRingIsFree(String shape) {
        try (Fixture f = shape(shape).start();
                DmaBuffer buffer = f.disk().allocate(4096)) {
            BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8));
            assertThat(queue.handle()).isZero();
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:ok");
            f.adopt(f.save());
            assertThat(queue.isOpen()).isFalse();
            try (BlockQueue next = f.disk().openQueue(QueueOptions.polled(8))) {
                assertThat(next.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 2)).isTrue();
                assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
            }
            queue.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"split", "one queue"})
    void requestsOfAQueueThatCannotFollowKeepTheDeviceFromBeingHandedOver(String shape) {
        try (Fixture f = shape(shape).start();
                DmaBuffer buffer = f.disk().allocate(4096)) {
            BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8));
            f.media.hold = true;
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
            queue.kick();
            assertThat(f.driver.saveState()).isEmpty();
            f.driver.stop();
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:driver is gone");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"split", "one queue"})
    void aQueueThatNobodyTakesOverIsFreeAfterAWhile(String shape) {
        try (Fixture f = shape(shape).start();
                DmaBuffer buffer = f.disk().allocate(4096)) {
            BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8).asPassable());
            f.media.hold = true;
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
            f.adopt(f.save());
            f.media.hold = false;
            f.media.release(0);
            f.watch(Duration.ofMillis(100), 300);
            assertThat(f.context.failures).isEmpty();
            assertThat(f.disk().adoptQueue(queue.handle())).isNull();
            try (BlockQueue next = f.disk().openQueue(QueueOptions.polled(8))) {
                assertThat(next.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 2)).isTrue();
                assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
            }
        }
    }
}
