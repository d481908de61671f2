package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.modules.api.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RecoveryTest {
    private static final Duration IO = Duration.ofSeconds(31);
    private static final Duration GRACE = Duration.ofSeconds(3);

    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private BlockQueue withReadsInFlight(int count) {
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(count + 1));
        DmaBuffer buffer = f.disk().allocate(4096);
        f.nvme.hold = c -> c.sq.id != 0;
        f.runAgents();
        for (int i = 0; i < count; i++) {
            assertThat(queue.submit(BlockOp.READ, 0, i, 1, buffer, 0, i)).isTrue();
        }
        queue.kick();
        buffer.close();
        return queue;
    }

    @Test
    void aCommandThatTimesOutIsAborted() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.advance(Duration.ofSeconds(29));
        f.runAgents();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        f.advance(Duration.ofSeconds(2));
        f.runAgents();
        assertThat(Fixture.drain(queue, 2)).containsExactlyInAnyOrder("0:aborted", "1:aborted");
        assertThat(f.nvme.resets).isZero();
        queue.close();
    }

    @Test
    void whenAbortDoesNotHelpTheControllerIsResetAndEachRequestEndsOnce() {
        f.start();
        f.commands.abortsEndCommands = false;
        BlockQueue queue = withReadsInFlight(3);
        int live = f.hal.liveBuffers;
        f.advance(IO);
        f.runAgents();
        assertThat(f.commands.admin).contains("08");
        assertThat(f.nvme.resets).isZero();
        DmaBuffer late = f.disk().allocate(4096);
        assertThat(queue.submit(BlockOp.READ, 0, 9, 1, late, 0, 9)).isTrue();
        queue.kick();
        f.advance(GRACE);
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(Fixture.drain(queue, 4))
                .containsExactlyInAnyOrder(
                        "0:timed out", "1:timed out", "2:timed out", "9:aborted");
        assertThat(f.hal.liveBuffers).isEqualTo(live);
        assertThat(queue.inFlight()).isZero();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        // The queue goes on, and so do plain calls.
        f.nvme.hold = c -> false;
        assertThat(queue.isOpen()).isTrue();
        assertThat(queue.submit(BlockOp.READ, 0, 5, 1, late, 0, 5)).isTrue();
        assertThat(Fixture.drain(queue, 1)).containsExactly("5:ok");
        f.disk().flush();
        assertThat(f.driver.health().detail()).isEqualTo("controller was reset 1 time");
        queue.close();
        late.close();
    }

    @Test
    void nothingEndsBeforeTheResetIsConfirmed() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        int live = f.hal.liveBuffers;
        f.nvme.stuckEnabled = true;
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        assertThat(queue.inFlight()).isEqualTo(2);
        assertThat(f.hal.liveBuffers).isEqualTo(live);
        // CAP.TO is 500 ms.
        await(() -> !f.context.failure.isEmpty());
        assertThat(f.context.failure).startsWith("no CSTS.RDY = 0 after PT0.5S; CC=");
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        // The platform's own reset is not confirmed either.
        f.hal.release(Lease.State.QUARANTINED);
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:outcome unknown", "1:outcome unknown");
        assertThat(f.hal.liveBuffers).as("buffers stay held").isEqualTo(live);
        f.running = false;
    }

    private void await(java.util.function.BooleanSupplier condition) {
        long end = System.nanoTime() + 5_000_000_000L;
        while (!condition.getAsBoolean() && System.nanoTime() - end < 0) {
            f.runAgents();
            Thread.onSpinWait();
        }
        assertThat(condition.getAsBoolean()).isTrue();
    }

    @Test
    void aLeaseThatEndsWithAConfirmedResetEndsRequestsAsGenerationGone() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        int live = f.hal.liveBuffers;
        f.hal.lease.state = Lease.State.REVOKED;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isTrue();
        queue.kick();
        assertThat(queue.isOpen()).isFalse();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        assertThat(queue.await(1000)).isFalse();
        f.hal.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 3))
                .containsExactlyInAnyOrder(
                        "0:driver is gone", "1:driver is gone", "7:driver is gone");
        assertThat(f.hal.liveBuffers).isEqualTo(live - 1);
        queue.close();
        f.running = false;
    }

    @Test
    void aClosedArenaIsNoticedByPolling() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.hal.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:driver is gone");
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isFalse();
        f.running = false;
    }

    @Test
    void fatalStatusResetsTheController() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(Fixture.drain(queue, 2)).containsExactlyInAnyOrder("0:aborted", "1:aborted");
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(f.commands.eventRequests).hasSize(4);
        queue.close();
    }

    @Test
    void whatWasCompletedBeforeTheResetKeepsItsResult() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.releaseHeld();
        f.nvme.hold = c -> c.sq.id != 0;
        DmaBuffer buffer = f.disk().allocate(512);
        queue.submit(BlockOp.READ, 0, 3, 1, buffer, 0, 2);
        queue.kick();
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(Fixture.drain(queue, 3)).containsExactlyInAnyOrder("0:ok", "1:ok", "2:aborted");
        queue.close();
        buffer.close();
    }

    @Test
    void aSecondResetWhileAQueueIsDrained() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.fatal = 1;
        f.runAgents();
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(2);
        assertThat(Fixture.drain(queue, 2)).hasSize(2);
        f.nvme.hold = c -> false;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 3)).isTrue();
        assertThat(Fixture.drain(queue, 1)).containsExactly("3:ok");
        queue.close();
    }

    @Test
    void aHandlerMaySubmitWhileItsQueueIsDrained() {
        f.start();
        BlockQueue queue = withReadsInFlight(3);
        f.nvme.fatal = 1;
        f.runAgents();
        f.nvme.hold = c -> false;
        List<String> ended = new ArrayList<>();
        BlockQueue.CompletionHandler again =
                (tag, status) -> {
                    ended.add(tag + ":" + status);
                    if (tag < 10) {
                        queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, tag + 10);
                    }
                };
        for (int i = 0; i < 10; i++) {
            queue.poll(again, 100);
            queue.kick();
        }
        assertThat(ended).containsExactlyInAnyOrder("0:6", "1:6", "2:6", "10:0", "11:0", "12:0");
        assertThat(queue.inFlight()).isZero();
        queue.close();
    }

    @Test
    void aControllerThatDoesNotComeBackIsFailed() {
        f.start();
        f.nvme.stuckDisabled = true;
        f.nvme.fatal = 1;
        await(() -> !f.context.failure.isEmpty());
        assertThat(f.context.failure).contains("does not come back after 3 resets");
        assertThat(f.driver.health().ok()).isFalse();
        assertThatThrownBy(() -> f.disk().openQueue(QueueOptions.polled(1)))
                .isInstanceOf(BlockException.class);
        f.nvme.stuckDisabled = false;
    }

    @Test
    void aControllerThatSomebodyResetIsBroughtUpAgain() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.loseConfiguration();
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:aborted");
        queue.close();
    }

    @Test
    void registersThatReadAllOnesEndEverythingAsGone() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.allOnes = true;
        f.hal.device.present = false;
        f.runAgents();
        gone(queue);
    }

    /// A link that is down for a moment: the controller goes on with what it has fetched.
    @Test
    void whileThePlatformHasTheDeviceRequestsWaitForTheReset() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.allOnes = true;
        f.runAgents();
        assertThat(f.context.failure).contains("all ones");
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        f.nvme.allOnes = false;
        f.hal.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:driver is gone", "1:driver is gone");
        queue.close();
        f.running = false;
    }

    @Test
    void registersThatReadZeroEndEverythingAsGone() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.allZeroes = true;
        f.hal.device.present = false;
        f.runAgents();
        gone(queue);
    }

    @Test
    void aMachineThatEndsEndsEverythingAsGone() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.throwGone = true;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isTrue();
        queue.kick();
        assertThat(Fixture.drain(queue, 3)).hasSize(3).contains("7:device is gone");
        f.running = false;
    }

    @Test
    void removalEndsEverythingAtOnce() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.hal.device.present = false;
        f.driver.handleEvent(new Event.DeviceRemoved());
        gone(queue);
        f.stop();
    }

    private void gone(BlockQueue queue) {
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:device is gone", "1:device is gone");
        assertThat(queue.isOpen()).isFalse();
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isFalse();
        BlockDevice disk = f.disk();
        assertThatThrownBy(disk::flush)
                .isInstanceOf(BlockException.class)
                .hasMessageContaining("device is gone");
        assertThat(f.driver.health().ok()).isFalse();
        queue.close();
        f.running = false;
    }

    @Test
    void stopEndsRequestsAsGenerationGone() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        int live = f.hal.liveBuffers;
        f.stop();
        assertThat(queue.isOpen()).isFalse();
        f.hal.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:driver is gone", "1:driver is gone");
        assertThat(f.hal.liveBuffers).isEqualTo(live - 1);
        queue.close();
    }

    @Test
    void stopThatTheControllerDoesNotConfirmLeavesTheOutcomeUnknown() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.stuckEnabled = true;
        assertThatThrownBy(f::stop)
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("no CSTS.RDY = 0");
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:outcome unknown");
        f.running = false;
    }

    @Test
    void closingAQueueAbortsWhatIsInFlight() {
        f.start();
        int before = f.hal.liveBuffers;
        BlockQueue queue = withReadsInFlight(2);
        queue.close();
        queue.close();
        assertThat(f.nvme.sqs).containsOnlyKeys(0);
        assertThat(f.nvme.cqs).containsOnlyKeys(0);
        assertThat(f.hal.liveBuffers).isEqualTo(before);
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isFalse();
    }

    @Test
    void aStalledMachineStopsTheClockOfTimeouts() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.throwTimeout = true;
        f.runAgents();
        f.advance(Duration.ofSeconds(100));
        f.runAgents();
        f.nvme.throwTimeout = false;
        f.runAgents();
        assertThat(f.commands.admin).doesNotContain("08");
        f.nvme.releaseHeld();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:ok");
        assertThat(f.nvme.resets).isZero();
        queue.close();
    }

    @Test
    void aClientThatDoesNotPollIsNotBlamedOnTheController() {
        f.start();
        BlockQueue queue = withReadsInFlight(2);
        f.nvme.releaseHeld();
        f.advance(Duration.ofSeconds(100));
        f.runAgents();
        assertThat(f.commands.admin).doesNotContain("08");
        assertThat(Fixture.drain(queue, 2)).containsExactlyInAnyOrder("0:ok", "1:ok");
        queue.close();
    }

    @Test
    void requestsThatWereNotShownToTheControllerDoNotTimeOut() {
        f.start();
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(2));
        queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        f.advance(Duration.ofSeconds(100));
        f.runAgents();
        assertThat(f.commands.admin).doesNotContain("08");
        assertThat(Fixture.drain(queue, 1)).containsExactly("1:ok");
        queue.close();
    }

    @Test
    void anAdminCommandThatTimesOutResetsTheController() {
        f.start();
        f.nvme.swallow = c -> c.sq.id == 0 && c.opcode == 0x05;
        BlockDevice disk = f.disk();
        assertThatThrownBy(() -> disk.openQueue(QueueOptions.polled(1)))
                .isInstanceOf(DeviceException.class)
                .hasMessageStartingWith(
                        "nvme0: no completion of Create I/O Completion Queue after PT0.3S; CC=");
        f.nvme.swallow = c -> false;
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        disk.openQueue(QueueOptions.polled(1)).close();
    }

    @Test
    void requestsSubmittedDuringAResetAreExecutedAfterIt() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.hold = c -> false;
        f.nvme.stuckDisabled = true;
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:aborted");
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 5)).isTrue();
        queue.kick();
        assertThat(queue.await(1000)).isFalse();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        f.nvme.becomeReady();
        f.runAgents();
        assertThat(queue.await(1_000_000_000)).isTrue();
        assertThat(Fixture.drain(queue, 1)).containsExactly("5:ok");
        queue.close();
    }

    @Test
    void aDoorbellThatAStalledMachineRefusedIsRungWhenItGoesOn() {
        f.start();
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4));
        f.nvme.throwTimeout = true;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 5)).isTrue();
        queue.kick();
        assertThat(queue.await(100_000)).isFalse();
        f.runAgents();
        assertThat(queue.poll((t, s) -> {}, 9)).isZero();
        f.nvme.throwTimeout = false;
        f.runAgents();
        assertThat(queue.await(100_000)).isTrue();
        assertThat(Fixture.drain(queue, 1)).containsExactly("5:ok");
        queue.close();
    }

    @Test
    void aQueueThatAStalledMachineRefusedLeavesNothingBehind() {
        f.start();
        int before = f.hal.liveBuffers;
        BlockDevice disk = f.disk();
        f.nvme.throwTimeout = true;
        assertThatThrownBy(() -> disk.openQueue(QueueOptions.polled(1)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("Create I/O Completion Queue not sent");
        f.nvme.throwTimeout = false;
        f.runAgents();
        assertThat(f.hal.liveBuffers).isEqualTo(before);
        assertThat(f.nvme.resets).isZero();
        disk.openQueue(QueueOptions.polled(1)).close();
    }

    @Test
    void aQueueThatAStalledMachineRefusedAfterAResetComesBack() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.hold = c -> false;
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:aborted");
        f.nvme.throwTimeout = true;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 5)).isTrue();
        queue.kick();
        assertThat(queue.isOpen()).isTrue();
        f.nvme.throwTimeout = false;
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("5:ok");
        assertThat(f.nvme.resets).isEqualTo(1);
        queue.close();
    }

    @Test
    void aQueueThatAStalledMachineLeftHalfCreatedComesBackAfterAReset() {
        f.start();
        BlockQueue queue = withReadsInFlight(1);
        f.nvme.hold = c -> false;
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:aborted");
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 5)).isTrue();
        // The stall begins between the two commands, with the head doorbell already rung.
        f.nvme.stallTail = c -> c == 0x01;
        queue.kick();
        assertThat(queue.isOpen()).isTrue();
        f.nvme.stallTail = c -> false;
        f.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("5:ok");
        assertThat(f.nvme.resets).isEqualTo(2);
        queue.close();
    }

    @Test
    void theOnlyPairIsReplacedWhenItHasEnded() {
        f.nvme.maxPairs = 1;
        f.start();
        BlockDevice disk = f.disk();
        BlockQueue queue = disk.openQueue(QueueOptions.polled(4));
        disk.flush();
        f.nvme.hold = c -> c.sq.id != 0;
        f.runAgents();
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1)).isTrue();
        queue.kick();
        f.nvme.hold = c -> false;
        f.nvme.fatal = 1;
        f.runAgents();
        // Create I/O Completion Queue: Invalid Queue Identifier.
        f.nvme.swallow =
                c -> {
                    boolean refused = c.sq.id == 0 && c.opcode == 0x05;
                    if (refused) {
                        f.nvme.complete(c, 0x101, 0);
                    }
                    return refused;
                };
        assertThatThrownBy(disk::flush).isInstanceOf(BlockException.class);
        f.nvme.swallow = c -> false;
        disk.flush();
        assertThat(queue.isOpen()).isFalse();
        assertThat(Fixture.drain(queue, 1)).containsExactly("1:aborted");
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2)).isFalse();
        queue.close();
        try (BlockQueue next = disk.openQueue(QueueOptions.polled(4))) {
            assertThat(next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 3)).isTrue();
            assertThat(Fixture.drain(next, 1)).containsExactly("3:ok");
        }
    }
}
