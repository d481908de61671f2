package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import org.junit.jupiter.api.Test;

/// What a write that is submitted again may overwrite, and what waits for it.
class ReplayOrderTest {
    private final SwapRig rig = new SwapRig(8);

    /// Cold, and what is performed from then on is recorded.
    private void crashAndRecord() {
        rig.controller.record();
        rig.controller.hold(false);
        rig.crash();
        rig.controller.record();
    }

    @Test
    void aWriteThatWasOverwrittenSinceIsNotDoneAgain() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 10, 4, 0x11, 1);
            rig.write(second, 10, 4, 0x22, 2);
            assertThat(rig.controller.performOne(BlockOp.WRITE, 10)).isTrue();
            assertThat(rig.controller.performOne(BlockOp.WRITE, 10)).isTrue();
            // The client of the second knows of its end, that of the first does not.
            rig.poll(second);
            assertThat(rig.ended).containsOnlyKeys(2);
            dropCompletions();
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.performed).isEmpty();
        assertThat(rig.disk.statistics().replayed()).isZero();
    }

    /// What happened and was not told is in flight for all who look.
    private void dropCompletions() {
        rig.controller.forgetCompletions();
    }

    @Test
    void onlyWhatWasNotOverwrittenIsDoneAgain() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8);
                DmaBuffer memory = rig.filled(8, 0x11)) {
            rig.controller.hold(true);
            ScatterList pieces = new ScatterList(2).add(memory, 0, 1024).add(memory, 2048, 1024);
            assertThat(first.submit(BlockOp.WRITE, 0, 10, 4, pieces, 1)).isTrue();
            first.kick();
            rig.write(second, 11, 1, 0x22, 2);
            assertThat(rig.controller.performOne(BlockOp.WRITE, 11)).isTrue();
            rig.poll(second);
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.performed).containsExactly("write 10+1", "write 12+2");
        assertThat(rig.controller.at(10)).isEqualTo((byte) 0x11);
        assertThat(rig.controller.at(11)).isEqualTo((byte) 0x22);
        assertThat(rig.controller.at(12)).isEqualTo((byte) 0x11);
        assertThat(rig.controller.at(13)).isEqualTo((byte) 0x11);
    }

    @Test
    void aWriteAfterAnAcknowledgedOneIsDoneAgainInFull() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.write(second, 10, 4, 0x22, 2);
            rig.finish(second);
            rig.controller.hold(true);
            rig.write(first, 10, 4, 0x11, 1);
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.controller.performed).containsExactly("write 10+4");
        assertThat(rig.controller.at(13)).isEqualTo((byte) 0x11);
    }

    @Test
    void zeroesAndDiscardsCountAsWrites() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 10, 3, 0x11, 1);
            rig.write0(second, 10, 2);
            assertThat(second.submit(BlockOp.DISCARD, 0, 12, 1, null, 0, 3)).isTrue();
            assertThat(rig.controller.performOne(BlockOp.WRITE_ZEROES, 10)).isTrue();
            assertThat(rig.controller.performOne(BlockOp.DISCARD, 12)).isTrue();
            rig.poll(second);
            assertThat(rig.ended).containsOnlyKeys(2, 3);
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.controller.performed).containsExactly("write 11+1");
    }

    @Test
    void theWritesOfAClosedQueueAreNotForgotten() {
        try (BlockQueue first = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 10, 1, 0x11, 1);
            try (BlockQueue second = rig.queue(8)) {
                rig.write(second, 10, 1, 0x22, 2);
                rig.controller.performLast(BlockOp.WRITE, 10);
                rig.poll(second);
                assertThat(rig.ended).containsOnlyKeys(2);
            }
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.controller.performed).isEmpty();
    }

    @Test
    void aReplayedFlushWaitsForReplayedWrites() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            assertThat(second.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2)).isTrue();
            second.kick();
            rig.write(first, 10, 1, 0x11, 1);
            rig.write(first, 20, 1, 0x11, 3);
            rig.crash();
            rig.poll(second);
            assertThat(rig.controller.inFlight()).as("the writes alone").isEqualTo(2);
            rig.controller.record();
            rig.controller.hold(false);
            // The owner of the writes does not look; that of the flush sees to them.
            rig.finish(second);
            rig.finish(first);
        }
        assertThat(rig.controller.performed).hasSize(3).last().isEqualTo("flush 0+0");
        assertThat(rig.ended.values()).hasSize(3).containsOnly(BlockStatus.OK);
    }

    @Test
    void aReplayedFlushWaitsBehindTheWritesOfItsOwnQueue() {
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1)).isTrue();
            rig.write(queue, 10, 1, 0x11, 2);
            assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 3)).isTrue();
            rig.write(queue, 20, 1, 0x11, 4);
            crashAndRecord();
            rig.finish(queue);
        }
        assertThat(rig.ended.values()).hasSize(4).containsOnly(BlockStatus.OK);
        assertThat(rig.controller.performed.subList(2, 4))
                .containsExactly("flush 0+0", "flush 0+0");
    }

    @Test
    void newWritesWaitForReplayedOnes() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 10, 1, 0x11, 1);
            rig.crash();
            rig.write(second, 10, 1, 0x22, 2);
            assertThat(rig.controller.inFlight()).isEqualTo(1);
            rig.controller.hold(false);
            rig.finish(second);
            rig.finish(first);
        }
        assertThat(rig.controller.at(10)).isEqualTo((byte) 0x22);
    }

    @Test
    void whatIsResetAgainAndAgainEndsInTheEnd() {
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 10, 1, 0x11, 1);
            for (int i = 0; i < DiskQueue.MOST_REPLAYS; i++) {
                rig.crash();
                assertThat(rig.ended).isEmpty();
            }
            rig.crash();
            rig.poll(queue);
            assertThat(rig.ended).containsEntry(1, BlockStatus.GENERATION_GONE);
            // Others are not held up by it.
            rig.controller.hold(false);
            rig.write(queue, 11, 1, 0x12, 2);
            rig.finish(queue);
            assertThat(rig.ended).containsEntry(2, BlockStatus.OK);
        }
    }

    @Test
    void whatIsAbortedUnderALivingDriverIsSubmittedAgain() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 10, 1, 0x11, 1);
            rig.write(second, 20, 1, 0x22, 2);
            rig.controller.abort();
            rig.controller.hold(false);
            rig.finish(first);
            rig.finish(second);
        }
        assertThat(rig.ended.values()).containsExactly(BlockStatus.OK, BlockStatus.OK);
        assertThat(rig.disk.statistics().replayed()).isEqualTo(2);
        assertThat(rig.controller.at(20)).isEqualTo((byte) 0x22);
    }

    @Test
    void aLogReachesBackToTheOldestRequestInFlight() {
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(64)) {
            rig.controller.hold(true);
            rig.write(first, 10, 1, 0x11, 1);
            rig.write(second, 10, 1, 0x22, 2);
            rig.controller.performLast(BlockOp.WRITE, 10);
            rig.poll(second);
            for (int i = 0; i < 5_000; i++) {
                rig.write0(second, 100 + i % 100, 10 + i);
                rig.controller.performLast(BlockOp.WRITE_ZEROES, 100 + i % 100);
                rig.poll(second);
            }
            crashAndRecord();
            rig.finish(first);
        }
        assertThat(rig.controller.performed).isEmpty();
        assertThat(rig.ended).hasSize(5_002);
    }

    @Test
    void rangesAreTakenOutOfRanges() {
        assertThat(ReplayOrder.subtract(new long[] {0, 10}, 20, 30)).containsExactly(0, 10);
        assertThat(ReplayOrder.subtract(new long[] {0, 10}, 0, 10)).isEmpty();
        assertThat(ReplayOrder.subtract(new long[] {0, 10}, 3, 5)).containsExactly(0, 3, 5, 10);
        assertThat(ReplayOrder.subtract(new long[] {0, 3, 5, 10}, 2, 6))
                .containsExactly(0, 2, 6, 10);
        assertThat(ReplayOrder.subtract(new long[] {0, 3, 5, 10}, 0, 7)).containsExactly(7, 10);
        assertThat(ReplayOrder.subtract(new long[] {4, 6}, 0, 100)).isEmpty();
    }
}
