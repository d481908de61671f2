package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import org.junit.jupiter.api.Test;

/// Drivers that fail where requests are between two generations, or between a client and its end.
class DriverFaultTest {
    private final SwapRig rig = new SwapRig(8);

    private FakeController.Generation passToNext() {
        rig.generation.pass();
        return rig.controller.generation();
    }

    private void serve(FakeController.Generation next) {
        Backend old = rig.backend;
        rig.generation = next;
        rig.backend = rig.rig.serve(next, SwapRig.SLOT, "nvme0n1");
        rig.rig.table.removed(old);
    }

    @Test
    void withoutMemoryForAProbeQueuesAreTakenOverAllTheSame() {
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            FakeController.Generation next = passToNext();
            next.over = new DeviceException("no DMA memory");
            serve(next);
            passage.verify(SwapRig.soon());
            assertThat(passage.resume()).isEqualTo(new Counts(0, 1, 0, 0));
            assertThat(rig.controller.inFlight()).isEqualTo(1);
            next.over = null;
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.violations).isEmpty();
    }

    @Test
    void whereAdoptionFailsNothingIsSubmittedAgainBeforeAReset() {
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            FakeController.Generation bad = passToNext();
            bad.failsAdopt = new DeviceException("no DMA memory");
            serve(bad);
            assertThatThrownBy(() -> passage.verify(SwapRig.soon()))
                    .isInstanceOf(ModuleError.class)
                    .hasMessageContaining("no DMA memory");
            bad.crash();
            serve(rig.controller.generation());
            passage.verify(SwapRig.soon());
            assertThat(passage.resume()).isEqualTo(new Counts(0, 0, 1, 0));
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.violations).isEmpty();
    }

    @Test
    void memoryThatTheDeviceMayWriteToIsNotGivenBack() {
        BlockQueue queue = rig.queue(8);
        rig.controller.hold(true);
        rig.write(queue, 1, 1, 0x21, 1);
        assertThat(rig.warm().adopted()).isEqualTo(1);
        int before = rig.controller.freed();
        rig.generation.keepsQueues = true;
        queue.close();
        assertThat(rig.controller.freed()).isEqualTo(before);
    }

    @Test
    void aReplayedWriteWhoseQueueDoesNotCloseHoldsNobodyUp() {
        BlockQueue first = rig.queue(8);
        try (BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 1, 1, 0x21, 1);
            rig.crash();
            rig.write0(second, 2, 2);
            assertThat(rig.controller.inFlight()).as("the replayed one alone").isEqualTo(1);
            rig.generation.failsClose = new DeviceException("does not delete");
            first.close();
            rig.generation.failsClose = null;
            rig.controller.hold(false);
            rig.finish(second);
        }
        assertThat(rig.ended).containsEntry(2, BlockStatus.OK);
    }

    @Test
    void drainingShowsWhatNobodyHasShown() {
        rig.controller.needKicks();
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(queue.submit(BlockOp.WRITE_ZEROES, 0, 1, 1, null, 0, 1)).isTrue();
            assertThat(passage.park(SwapRig.soon())).isTrue();
            queue.kick();
            assertThat(passage.drain(SwapRig.soon())).isTrue();
            rig.poll(queue);
            assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        }
    }

    @Test
    void whatWasNotShownInAPassageIsShownAfterwards() {
        rig.controller.needKicks();
        try (BlockQueue queue = rig.queue(8)) {
            try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
                assertThat(queue.submit(BlockOp.WRITE_ZEROES, 0, 1, 1, null, 0, 1)).isTrue();
                assertThat(passage.park(SwapRig.soon())).isTrue();
                queue.kick();
            }
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }

    @Test
    void aRequestThatIsToBeCopiedWaitsForMemory() {
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            rig.generation.crash();
            FakeController.Generation next = rig.controller.generation();
            next.ownPool = new Object();
            next.scarce = true;
            serve(next);
            rig.poll(queue);
            rig.write0(queue, 2, 2);
            assertThat(rig.ended).isEmpty();
            next.scarce = false;
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended).containsOnlyKeys(1, 2).containsValue(BlockStatus.OK);
        assertThat(rig.controller.at(1)).isEqualTo((byte) 0x21);
    }
}
