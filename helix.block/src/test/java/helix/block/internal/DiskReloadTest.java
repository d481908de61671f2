package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class DiskReloadTest {
    private static void join(Thread thread) throws InterruptedException {
        assertThat(thread.join(Duration.ofSeconds(20))).isTrue();
    }

    @Test
    void whatIsInFlightIsAdopted() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            for (int i = 0; i < 4; i++) {
                rig.write(queue, i, 1, 0x40 + i, i);
            }
            Counts counts = rig.warm();
            assertThat(counts).isEqualTo(new Counts(0, 4, 0, 0));
            assertThat(rig.controller.inFlight()).isEqualTo(4);
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended.values()).hasSize(4).containsOnly(BlockStatus.OK);
        assertThat(rig.controller.at(3)).isEqualTo((byte) 0x43);
        assertThat(rig.controller.violations).isEmpty();
    }

    @Test
    void newRequestsWaitWhileParked() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(2);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.pass();
            rig.write0(queue, 5, 1);
            rig.write0(queue, 6, 2);
            assertThat(queue.inFlight()).isEqualTo(2);
            assertThat(queue.await(1_000_000)).isFalse();
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            assertThat(queue.isOpen()).isTrue();
            rig.serveNext();
            assertThat(passage.resume()).isEqualTo(new Counts(2, 0, 0, 0));
            rig.finish(queue);
            assertThat(rig.ended.values()).containsExactly(BlockStatus.OK, BlockStatus.OK);
        }
        assertThat(rig.controller.violations).isEmpty();
    }

    @Test
    void whatAResetEndedIsSubmittedAgain() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                DmaBuffer buffer = rig.filled(1, 0)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 2, 0x11, 1);
            assertThat(queue.submit(BlockOp.READ, 0, 9, 1, buffer, 0, 2)).isTrue();
            assertThat(queue.submit(BlockOp.WRITE_ZEROES, 0, 20, 4, null, 0, 3)).isTrue();
            assertThat(queue.submit(BlockOp.COMPARE, 0, 9, 1, buffer, 0, 4)).isTrue();
            queue.kick();
            Counts counts = rig.cold();
            assertThat(counts).isEqualTo(new Counts(0, 0, 3, 1));
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended)
                .containsEntry(1, BlockStatus.OK)
                .containsEntry(2, BlockStatus.OK)
                .containsEntry(3, BlockStatus.OK)
                .containsEntry(4, BlockStatus.OUTCOME_UNKNOWN);
        assertThat(rig.controller.at(2)).isEqualTo((byte) 0x11);
        assertThat(rig.disk.statistics().replayed()).isEqualTo(3);
    }

    @Test
    void aCrashIsNotNoticed() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            rig.generation.crash();
            rig.poll(queue);
            rig.write(queue, 2, 1, 0x22, 2);
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            rig.rig.table.removed(rig.backend);
            rig.poll(queue);
            rig.controller.hold(false);
            rig.backend = rig.rig.serve(rig.controller.generation(), SwapRig.SLOT, "nvme0n1");
            rig.finish(queue);
        }
        assertThat(rig.ended.values()).containsExactly(BlockStatus.OK, BlockStatus.OK);
        assertThat(rig.controller.at(1)).isEqualTo((byte) 0x21);
        assertThat(rig.controller.at(2)).isEqualTo((byte) 0x22);
    }

    @Test
    void withoutADriverRequestsEndWhenTheirTimeIsOver() {
        SwapRig rig = new SwapRig(8, Duration.ofMillis(50), 1);
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            rig.write(queue, 2, 1, 0x22, 2);
            // Nobody has reset the device: what is in flight may still happen.
            rig.generation.vanish();
            rig.rig.table.removed(rig.backend);
            rig.write0(queue, 3, 3);
            long begin = System.nanoTime();
            rig.finish(queue);
            assertThat(System.nanoTime() - begin).isGreaterThan(40_000_000);
            assertThat(rig.ended)
                    .containsEntry(1, BlockStatus.OUTCOME_UNKNOWN)
                    .containsEntry(2, BlockStatus.OUTCOME_UNKNOWN)
                    .containsEntry(3, BlockStatus.GENERATION_GONE);
            assertThatThrownBy(() -> rig.access.flush()).hasMessageContaining("driver is gone");
        }
    }

    @Test
    void whenTheDeviceIsGoneRequestsEndAtOnceAndTheSameSerialRevivesTheQueue() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            rig.rig.unplug(rig.backend);
            rig.poll(queue);
            assertThat(rig.ended).containsEntry(1, BlockStatus.DEVICE_GONE);
            assertThat(queue.isOpen()).isFalse();
            assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2)).isFalse();
            rig.controller.hold(false);
            rig.rig.serve(rig.controller.generation(), "0000:00:07.0", "nvme9n1");
            assertThat(queue.isOpen()).isTrue();
            assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2)).isTrue();
            rig.finish(queue);
            assertThat(rig.ended).containsEntry(2, BlockStatus.OK);
        }
    }

    @Test
    void aClientWhoSleepsInTheDriverIsWoken() throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            Thread client = Thread.ofPlatform().start(() -> rig.finish(queue));
            while (client.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            long begin = System.nanoTime();
            Counts counts = rig.warm();
            assertThat(System.nanoTime() - begin).isLessThan(2_000_000_000L);
            assertThat(counts.adopted()).isEqualTo(1);
            rig.controller.hold(false);
            join(client);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.violations).isEmpty();
    }

    @Test
    void aClientStuckInTheDriverIsLeftThere() throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            CountDownLatch release = rig.generation.hang();
            Thread client = Thread.ofPlatform().start(() -> rig.finish(queue));
            assertThat(rig.generation.awaitHanging()).isTrue();

            assertThat(passage.park(Deadline.afterMillis(50))).isFalse();
            rig.generation.crash();
            rig.rig.table.removed(rig.backend);
            rig.controller.hold(false);
            rig.backend = rig.rig.serve(rig.controller.generation(), SwapRig.SLOT, "nvme0n1");
            passage.verify(SwapRig.soon());
            assertThat(passage.resume().replayed()).isEqualTo(1);
            assertThat(client.isAlive()).isTrue();
            release.countDown();
            join(client);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.at(1)).isEqualTo((byte) 0x21);
    }

    @Test
    void drainingWaitsForWhatIsInFlight() throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            assertThat(passage.drain(Deadline.afterMillis(5))).isFalse();
            rig.controller.hold(false);
            assertThat(passage.drain(SwapRig.soon())).isTrue();
            rig.poll(queue);
            assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        }
    }

    @Test
    void aGenerationThatReadsDifferentlyIsRefused() {
        SwapRig rig = new SwapRig(8);
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.pass();
            FakeController.Generation bad = rig.controller.generation();
            bad.corruption = 7;
            rig.rig.serve(bad, SwapRig.SLOT, "nvme0n1");
            assertThatThrownBy(() -> passage.verify(SwapRig.soon()))
                    .isInstanceOf(ModuleError.class)
                    .hasMessageContaining("nvme0n1: block 0 reads differently");
        }
    }

    @Test
    void aGenerationThatLosesRequestsIsRefused() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.pass();
            FakeController.Generation bad = rig.controller.generation();
            bad.miscounts = true;
            rig.rig.serve(bad, SwapRig.SLOT, "nvme0n1");
            assertThatThrownBy(() -> passage.verify(SwapRig.soon()))
                    .hasMessageContaining("1 requests are in flight, the driver says 2");
            rig.controller.hold(false);
        }
    }

    @Test
    void blocksWrittenMeanwhileMayReadDifferently() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.write(queue, 0, 1, 0x77, 1);
            rig.finish(queue);
            rig.controller.hold(true);
            rig.write(queue, 4095, 1, 0x78, 2);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            assertThat(rig.controller.performOne(BlockOp.WRITE, 4095)).isTrue();
            rig.generation.pass();
            rig.serveNext();
            passage.verify(SwapRig.soon());
            rig.controller.hold(false);
        }
    }

    private static void replaceAndVerify(SwapRig rig, Passage passage) {
        assertThat(passage.park(SwapRig.soon())).isTrue();
        rig.generation.pass();
        rig.serveNext();
        passage.verify(SwapRig.soon());
    }

    @Test
    void aWriteThatFailedMayHaveChangedItsBlocks() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.fail(BlockStatus.MEDIA_ERROR);
            rig.write(queue, 0, 2, 0x77, 1);
            rig.finish(queue);
            rig.controller.fail(BlockStatus.OK);
            assertThat(rig.ended).containsEntry(1, BlockStatus.MEDIA_ERROR);
            replaceAndVerify(rig, passage);
        }
    }

    @Test
    void aWriteThatNobodyWaitsForAnyMoreMayHappenLater() {
        SwapRig rig = new SwapRig(8);
        BlockQueue queue = rig.queue(8);
        rig.controller.hold(true);
        rig.write(queue, 0, 1, 0x77, 1);
        rig.generation.failsClose = new DeviceException("does not delete");
        queue.close();
        rig.generation.failsClose = null;
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(rig.controller.performOne(BlockOp.WRITE, 0)).isTrue();
            replaceAndVerify(rig, passage);
        }
    }

    /// A failure before the passage is no excuse.
    @Test
    void aWriteThatFailedBeforeDoesNotCount() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.warm();
            rig.controller.fail(BlockStatus.MEDIA_ERROR);
            rig.write(queue, 0, 1, 0x77, 1);
            rig.finish(queue);
            try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
                rig.controller.contents.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 5, (byte) 1);
                assertThatThrownBy(() -> replaceAndVerify(rig, passage))
                        .isInstanceOf(ModuleError.class)
                        .hasMessageContaining("block 0 reads differently");
            }
        }
    }

    @Test
    void withoutANewGenerationVerificationFailsAndClientsGoOnWithTheOldOne() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
                assertThat(passage.park(SwapRig.soon())).isTrue();
                assertThatThrownBy(() -> passage.verify(SwapRig.soon()))
                        .hasMessageContaining("does not serve nvme0n1");
                rig.write0(queue, 3, 1);
            }
            rig.finish(queue);
            assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        }
    }

    @Test
    void anotherDevicesPassageDoesNothing() {
        SwapRig rig = new SwapRig(8);
        try (Passage passage = rig.reload.begin("0000:00:1f.0")) {
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.access.writeBlock(0, MemorySegment.ofArray(new byte[512]));
            passage.verify(SwapRig.soon());
            assertThat(passage.resume()).isEqualTo(Counts.NONE);
        }
        assertThat(rig.reload.consumers(SwapRig.SLOT)).containsExactly("nvme0n1 open by test");
        assertThat(rig.reload.completions(SwapRig.SLOT)).isEqualTo(1);
    }

    @Test
    void plainCallsWaitToo() throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        byte[] bytes = new byte[1024];
        java.util.Arrays.fill(bytes, (byte) 0x31);
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.pass();
            CountDownLatch written = new CountDownLatch(1);
            Thread client =
                    Thread.ofPlatform()
                            .start(() -> {
                                rig.access.writeBlock(8, MemorySegment.ofArray(bytes));
                                written.countDown();
                            });
            assertThat(written.await(20, TimeUnit.MILLISECONDS)).isFalse();
            rig.serveNext();
            passage.resume();
            join(client);
            assertThat(written.getCount()).isZero();
        }
        assertThat(rig.controller.at(9)).isEqualTo((byte) 0x31);
        assertThat(rig.controller.violations).isEmpty();
    }
}
