package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DmaBuffer;
import helix.modules.api.reload.ReloadParticipant.Passage;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Clients who come to a driver whose generation is over, before the disk has been told so.
class DriverOverTest {
    static Stream<RuntimeException> signs() {
        return Stream.of(
                new BlockException("no queue", BlockStatus.GENERATION_GONE),
                new IllegalStateException("Already closed"));
    }

    @ParameterizedTest
    @MethodSource("signs")
    void aQueueOpenedWhileItsDriverGoesIsTheNextOnes(RuntimeException sign) {
        SwapRig rig = new SwapRig(8);
        rig.generation.over = sign;
        try (BlockQueue queue = rig.queue(8)) {
            rig.write0(queue, 3, 1);
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            rig.crash();
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }

    @Test
    void aQueueOpenedWhileItsDriverGoesWaitsAsLongAsRequestsDo() {
        SwapRig rig = new SwapRig(8, Duration.ofMillis(50), 1);
        rig.generation.over = new IllegalStateException("Already closed");
        try (BlockQueue queue = rig.queue(8)) {
            rig.write0(queue, 3, 1);
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.GENERATION_GONE);
    }

    @ParameterizedTest
    @MethodSource("signs")
    void memoryComesFromTheNextDriver(RuntimeException sign) throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        rig.generation.over = sign;
        AtomicReference<DmaBuffer> memory = new AtomicReference<>();
        Thread client = Thread.ofPlatform().start(() -> memory.set(rig.access.allocate(4096)));
        while (client.isAlive() && client.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
        rig.crash();
        assertThat(client.join(Duration.ofSeconds(20))).isTrue();
        assertThat(memory.get()).isNotNull();
    }

    static Stream<Throwable> failures() {
        return Stream.of(
                new IllegalStateException("Already closed"), new NoClassDefFoundError("gone"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aClientDoesNotHearThatItsDriversQueueDoesNotClose(Throwable failure) {
        SwapRig rig = new SwapRig(8);
        BlockQueue queue = rig.queue(8);
        BlockQueue another = rig.queue(8);
        rig.generation.failsClose = failure;
        queue.close();
        assertThat(queue.isOpen()).isFalse();
        // Nor does who replaces the driver.
        rig.crash();
        another.close();
    }

    @Test
    void aQueueOpenedWhileOthersGetTheirsAfterAReplacementHasALaneOfItsOwn() {
        SwapRig rig = new SwapRig(8);
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.pass();
            BlockQueue early = rig.queue(4);
            AtomicReference<BlockQueue> late = new AtomicReference<>();
            FakeController.Generation next = rig.controller.generation();
            next.over = new IllegalStateException("not ready");
            Backend old = rig.backend;
            rig.backend = rig.rig.serve(next, SwapRig.SLOT, "nvme0n1");
            rig.rig.table.removed(old);
            next.over = null;
            next.beforeOpen = () -> late.set(rig.queue(4));
            assertThat(passage.resume().failed()).isZero();
            assertThat(rig.disk.lanes().all()).hasSize(2);
            rig.write0(late.get(), 1, 1);
            rig.finish(late.get());
            late.get().close();
            early.close();
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }
}
