package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqKind;
import helix.modules.api.ModuleState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// One generation leaves a controller at work to the next.
class HandOverTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private BlockQueue open(int depth) {
        return f.disk().openQueue(QueueOptions.polled(depth).asPassable());
    }

    private void holdIo() {
        f.nvme.hold = c -> c.sq.id != 0;
    }

    private void fillBlocks(int count) {
        for (int block = 0; block < count; block++) {
            byte[] data = new byte[512];
            data[0] = (byte) (block + 1);
            f.commands.namespaces.get(1).write(block, data);
        }
    }

    @Test
    void commandsInFlightEndInTheNextGeneration() {
        f.start();
        BlockQueue old = open(64);
        DmaBuffer buffer = f.disk().allocate(64 * 512);
        fillBlocks(32);
        holdIo();
        for (int i = 0; i < 32; i++) {
            assertThat(old.submit(BlockOp.READ, 0, i, 1, buffer, 512L * i, 100 + i)).isTrue();
        }
        old.kick();
        f.handOver();
        BlockQueue next = f.follow(old);
        assertThat(next.inFlight()).isEqualTo(32);
        assertThat(next.depth()).isEqualTo(64);
        f.nvme.releaseHeld();
        List<String> ended = Fixture.drain(next, 32);
        assertThat(ended).hasSize(32);
        for (int i = 0; i < 32; i++) {
            assertThat(ended).contains(100 + i + ":ok");
            assertThat(buffer.segment().get(ValueLayout.JAVA_BYTE, 512L * i))
                    .isEqualTo((byte) (i + 1));
        }
        assertThat(f.nvme.resets).isZero();
        assertThat(next.inFlight()).isZero();
        assertThat(next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isTrue();
        assertThat(Fixture.drain(next, 1)).containsExactly("7:ok");
        next.close();
        buffer.close();
    }

    /// All stages that a request can be in, at once, with the phase tag about to change.
    @Test
    void requestsInEveryStageEndOnce() {
        f.commands.mdts = 5;
        f.start();
        BlockQueue old = open(32);
        DmaBuffer buffer = f.disk().allocate(1 << 20);
        // The completion queue has 512 entries; stop 6 before its end.
        for (int i = 0; i < 506; i++) {
            old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, i);
            assertThat(Fixture.drain(old, 1)).hasSize(1);
        }
        fillBlocks(2048);
        holdIo();
        // Two commands, of which one completes and is polled.
        old.submit(BlockOp.READ, 0, 0, 512, buffer, 0, 1);
        old.kick();
        f.commands.execute(f.nvme.held.remove(0));
        assertThat(old.poll((tag, status) -> {}, 10)).isZero();
        // Completed, but not polled.
        old.submit(BlockOp.READ, 0, 5, 1, buffer, 512 * 1024, 2);
        old.submit(BlockOp.READ, 0, 6, 1, buffer, 513 * 1024, 3);
        old.kick();
        f.commands.execute(f.nvme.held.remove(1));
        // With the controller when it passes; one completes on the way.
        for (int i = 0; i < 8; i++) {
            old.submit(BlockOp.READ, 0, 7 + i, 1, buffer, (514L + i) * 1024, 10 + i);
        }
        old.kick();
        // Ended without the controller, but not polled; and not shown to the controller.
        old.submit(BlockOp.READ, 0, 65536, 1, buffer, 0, 4);
        old.submit(BlockOp.READ, 0, 8, 1, buffer, 600 * 1024, 5);
        assertThat(old.inFlight()).isEqualTo(13);

        ModuleState state = f.save();
        assertThat(f.nvme.held).as("what was pending is shown").hasSize(11);
        f.commands.execute(f.nvme.held.remove(2));
        f.adopt(state);
        f.commands.execute(f.nvme.held.remove(2));
        f.driver.start();
        BlockQueue next = f.follow(old);
        assertThat(next.inFlight()).isEqualTo(13);
        f.nvme.releaseHeld();
        assertThat(Fixture.drain(next, 13))
                .containsExactlyInAnyOrder(
                        "1:ok",
                        "2:ok",
                        "3:ok",
                        "4:beyond the end",
                        "5:ok",
                        "10:ok",
                        "11:ok",
                        "12:ok",
                        "13:ok",
                        "14:ok",
                        "15:ok",
                        "16:ok",
                        "17:ok");
        assertThat(next.poll((tag, status) -> {}, 10)).isZero();
        for (int block = 0; block < 512; block++) {
            assertThat(buffer.segment().get(ValueLayout.JAVA_BYTE, 512L * block))
                    .isEqualTo((byte) (block + 1));
        }
        assertThat(buffer.segment().get(ValueLayout.JAVA_BYTE, 600 * 1024)).isEqualTo((byte) 9);
        next.close();
        buffer.close();
    }

    @Test
    void theOldGenerationTouchesNothingAnyMore() {
        f.start();
        BlockDevice oldDisk = f.disk();
        oldDisk.flush();
        BlockQueue old = open(8);
        int live = f.hal.liveBuffers;
        DmaBuffer buffer = oldDisk.allocate(4096);
        holdIo();
        old.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1);
        old.kick();
        long handle = old.handle();
        ModuleState state = f.save();
        buffer.close();
        assertThat(f.hal.liveBuffers).as("the old generation holds no memory").isEqualTo(live);

        int accesses = f.nvme.mmioAccesses;
        for (int round = 0; round < 2; round++) {
            assertThat(old.isOpen()).isFalse();
            assertThat(old.inFlight()).isZero();
            assertThat(old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 9)).isFalse();
            old.kick();
            assertThat(old.poll((tag, status) -> {}, 9)).isZero();
            assertThat(old.await(1_000)).isFalse();
            assertThat(old.handle()).isEqualTo(handle);
            assertThatThrownBy(oldDisk::flush)
                    .isInstanceOfSatisfying(
                            BlockException.class,
                            e -> assertThat(e.status()).isEqualTo(BlockStatus.GENERATION_GONE));
            assertThatThrownBy(() -> oldDisk.readBlock(0, MemorySegment.ofArray(new byte[512])))
                    .isInstanceOf(BlockException.class);
            assertThatThrownBy(() -> oldDisk.openQueue(QueueOptions.polled(1)))
                    .isInstanceOfSatisfying(
                            BlockException.class,
                            e -> assertThat(e.status()).isEqualTo(BlockStatus.GENERATION_GONE));
            if (round == 0) {
                assertThat(f.nvme.mmioAccesses).isEqualTo(accesses);
                f.adopt(state);
            }
        }
        old.close();
        assertThat(f.nvme.mmioAccesses).isEqualTo(accesses);
        f.driver.start();
        f.nvme.releaseHeld();
        BlockQueue next = f.follow(old);
        assertThat(Fixture.drain(next, 1)).containsExactly("1:ok");
        next.close();
    }

    @Test
    void aQueueIsGivenToItsClientOnce() {
        f.commands.namespaces.put(2, new FakeNamespace(100, 9));
        f.start();
        BlockQueue first = open(4);
        BlockQueue second = f.disk(2).openQueue(QueueOptions.interrupt(4).asPassable());
        assertThat(first.handle()).isNotZero().isNotEqualTo(second.handle());
        f.handOver();
        assertThat(f.disk().adoptQueue(12345)).isNull();
        assertThat(f.disk().adoptQueue(second.handle())).isNull();
        BlockQueue next = f.disk(2).adoptQueue(second.handle());
        assertThat(next).isNotNull();
        assertThat(f.disk(2).adoptQueue(second.handle())).isNull();
        assertThat(next.handle()).isEqualTo(second.handle());
        BlockQueue another = open(4);
        assertThat(another.handle()).isNotIn(first.handle(), second.handle());
        another.close();
        next.close();
    }

    @Test
    void noAdminCommandIsNeeded() {
        f.start();
        f.disk().flush();
        BlockQueue old = open(4);
        f.commands.admin.clear();
        f.handOver();
        f.follow(old);
        f.runAgents();
        f.disk().flush();
        f.disk().writeBlock(3, MemorySegment.ofArray(new byte[1024]));
        assertThat(f.commands.admin).isEmpty();
        assertThat(f.commands.eventRequests).hasSize(4);
    }

    @Test
    void aQueueThatIsNotPassableEndsWithItsGeneration() {
        f.start();
        BlockQueue raw = f.disk().openQueue(QueueOptions.polled(8));
        BlockQueue old = open(8);
        DmaBuffer buffer = f.disk().allocate(4096);
        assertThat(raw.handle()).isZero();
        holdIo();
        raw.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1);
        raw.submit(BlockOp.READ, 0, 1, 1, buffer, 512, 2);
        raw.kick();
        int live = f.hal.liveBuffers;
        int queues = f.nvme.sqs.size();
        ModuleState state = f.save();
        assertThat(f.nvme.sqs).hasSize(queues - 1);
        assertThat(Fixture.drain(raw, 2))
                .containsExactlyInAnyOrder("1:driver is gone", "2:driver is gone");
        assertThat(raw.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 3)).isFalse();
        f.adopt(state);
        f.driver.start();
        raw.close();
        f.nvme.releaseHeld();
        BlockQueue next = f.follow(old);
        next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 4);
        assertThat(Fixture.drain(next, 1)).containsExactly("4:ok");
        // Its memory is given back when nobody can be inside any more, generations later.
        f.handOver();
        next = f.follow(next);
        assertThat(f.hal.liveBuffers).isEqualTo(live);
        f.advance(Duration.ofSeconds(11));
        f.runAgents();
        assertThat(f.hal.liveBuffers).isEqualTo(live - 3);
        next.close();
        buffer.close();
    }

    @Test
    void eventsThatArriveOnTheWayAreHandled() {
        f.start();
        BlockQueue old = open(4);
        f.commands.namespaces.put(2, new FakeNamespace(100, 9));
        ModuleState state = f.save();
        assertThat(f.commands.event(2, 0, 4)).isTrue();
        f.adopt(state);
        assertThat(f.commands.event(1, 0, 2)).isTrue();
        f.driver.start();
        assertThat(f.context.wakeUps.get()).as("vector 0 was raised").isPositive();
        assertThat(f.context.published).containsOnlyKeys("nvme0n1");
        f.runAgents();
        assertThat(f.context.published).containsOnlyKeys("nvme0n1", "nvme0n2");
        assertThat(f.commands.eventRequests).hasSize(4);
        f.follow(old).close();
    }

    @Test
    void timeOutsKeepCountingAndACommandIsAborted() {
        f.start();
        BlockQueue old = open(4);
        holdIo();
        f.runAgents();
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        old.kick();
        f.advance(Duration.ofSeconds(20));
        f.runAgents();
        f.handOver();
        BlockQueue next = f.follow(old);
        f.runAgents();
        assertThat(next.poll((tag, status) -> {}, 9)).isZero();
        f.advance(Duration.ofSeconds(11));
        f.runAgents();
        assertThat(Fixture.drain(next, 1)).containsExactly("1:aborted");
        assertThat(f.nvme.resets).isZero();
        next.close();
    }

    @Test
    void aCommandThatAbortDoesNotEndLeadsToAReset() {
        f.start();
        f.commands.abortsEndCommands = false;
        BlockQueue old = open(4);
        holdIo();
        f.runAgents();
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        old.kick();
        f.handOver();
        BlockQueue next = f.follow(old);
        f.advance(Duration.ofSeconds(31));
        f.runAgents();
        f.advance(Duration.ofSeconds(3));
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(Fixture.drain(next, 1)).containsExactly("1:timed out");
        f.handOver();
        assertThat(f.driver.health().detail()).isEqualTo("controller was reset 1 time");
        f.follow(next).close();
    }

    @Test
    void theControllerCanBeResetRightAfterwards() {
        f.start();
        BlockQueue old = open(4);
        DmaBuffer buffer = f.disk().allocate(4096);
        holdIo();
        old.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1);
        old.kick();
        f.handOver();
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        BlockQueue next = f.follow(old);
        assertThat(Fixture.drain(next, 1)).containsExactly("1:aborted");
        f.nvme.hold = c -> false;
        next.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 2);
        assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
        f.disk().flush();
        next.close();
        buffer.close();
    }

    @Test
    void whatAResetLeftUnsettledIsSettledFirst() {
        f.start();
        BlockQueue old = open(4);
        holdIo();
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        old.kick();
        f.nvme.fatal = 1;
        f.runAgents();
        f.nvme.hold = c -> false;
        f.handOver();
        BlockQueue next = f.follow(old);
        assertThat(next.inFlight()).isEqualTo(1);
        next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2);
        assertThat(Fixture.drain(next, 2)).containsExactlyInAnyOrder("1:aborted", "2:ok");
        next.close();
    }

    @ParameterizedTest
    @EnumSource(IrqKind.class)
    void interruptsReachTheNextGeneration(IrqKind kind) {
        f.hal.irqKind = kind;
        f.start();
        BlockQueue old = f.disk().openQueue(QueueOptions.interrupt(4).asPassable());
        holdIo();
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        old.kick();
        ModuleState state = f.save();
        f.nvme.releaseHeld();
        f.adopt(state);
        f.driver.start();
        BlockQueue next = f.follow(old);
        assertThat(next.await(1_000_000_000)).isTrue();
        assertThat(Fixture.drain(next, 1)).containsExactly("1:ok");
        f.runAgents();
        next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2);
        assertThat(next.await(1_000_000_000)).isTrue();
        assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
        next.close();
    }

    @Test
    void shadowDoorbellsGoOn() {
        f.commands.oacs = 1 << 8;
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        BlockQueue old = open(4);
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        assertThat(Fixture.drain(old, 1)).containsExactly("1:ok");
        f.hal.resolve(f.commands.eventIndex + 8, 4).set(ValueLayout.JAVA_INT, 0, 100);
        // Whether they are used is the controller's configuration now, not a wish any more.
        f.settings = f.settings.withShadowDoorbells(false);
        f.handOver();
        BlockQueue next = f.follow(old);
        int writes = f.nvme.doorbellWrites;
        next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2);
        next.kick();
        assertThat(f.nvme.doorbellWrites).isEqualTo(writes);
        assertThat(f.hal.resolve(f.commands.shadow + 8, 4).get(ValueLayout.JAVA_INT, 0))
                .isEqualTo(2);
        f.nvme.tailFromShadow(1, 2);
        assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
        next.close();
    }

    @Test
    void aQueueThatNobodyAsksForIsClosedLater() {
        f.start();
        BlockQueue claimed = open(4);
        open(4);
        int queues = f.nvme.sqs.size();
        f.handOver();
        BlockQueue next = f.follow(claimed);
        f.advance(Duration.ofSeconds(9));
        f.runAgents();
        assertThat(f.nvme.sqs).hasSize(queues);
        f.advance(Duration.ofSeconds(2));
        f.runAgents();
        assertThat(f.nvme.sqs).hasSize(queues - 1);
        assertThat(f.driver.health().detail()).isEqualTo("queues that nobody took over: 1");
        next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        assertThat(Fixture.drain(next, 1)).containsExactly("1:ok");
        next.close();
    }

    @Test
    void aControllerWithOnePairIsNotHandedOver() {
        f.nvme.maxPairs = 1;
        f.start();
        assertThat(f.driver.stateSchema()).isEmpty();
        assertThat(f.driver.saveState()).isEmpty();
        f.disk().flush();
    }

    @Test
    void aControllerThatIsDueForAResetIsNotHandedOver() {
        f.start();
        BlockQueue raw = f.disk().openQueue(QueueOptions.polled(4));
        // The queue cannot be deleted, so what it has in flight may still be at work.
        f.nvme.swallow = c -> c.sq.id == 0;
        assertThat(f.driver.saveState()).isEmpty();
        assertThat(raw.isOpen()).as("nothing ends unconfirmed").isTrue();
        f.nvme.swallow = c -> false;
        assertThat(f.driver.saveState()).as("a fault is pending").isEmpty();
        f.stop();
        assertThat(raw.isOpen()).isFalse();
    }

    @Test
    void aMachineThatStandsStillIsNotHandedOver() {
        f.start();
        BlockQueue old = open(4);
        old.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        f.nvme.throwTimeout = true;
        assertThat(f.driver.saveState()).isEmpty();
        f.nvme.throwTimeout = false;
        assertThat(f.driver.saveState()).as("it is not known yet that it goes on").isEmpty();
        f.runAgents();
        assertThat(Fixture.drain(old, 1)).containsExactly("1:ok");
        f.handOver();
        f.follow(old).close();
    }

    @Test
    void aCallThatRunsIsWaitedForAndThenPreventsTheHandOver() throws Exception {
        f.start();
        f.disk().flush();
        holdIo();
        BlockDevice disk = f.disk();
        FutureTask<Void> call = new FutureTask<>(disk::flush, null);
        Thread caller = new Thread(call, "caller");
        caller.start();
        Deadline limit = Deadline.afterMillis(10_000);
        while (!f.nvme.hasHeld() && !limit.isExpired()) {
            Thread.onSpinWait();
        }
        assertThat(f.driver.saveState()).isEmpty();
        f.nvme.releaseHeld();
        call.get(10, TimeUnit.SECONDS);
        caller.join();
        f.handOver();
        f.disk().flush();
    }

    @Test
    void aWithdrawnNamespacesQueueIsNotPassedOn() {
        f.commands.namespaces.put(2, new FakeNamespace(100, 9));
        f.start();
        BlockQueue gone = f.disk(2).openQueue(QueueOptions.polled(4).asPassable());
        f.commands.namespaces.remove(2);
        f.commands.event(2, 0, 4);
        f.runAgents();
        f.handOver();
        assertThat(f.disk().adoptQueue(gone.handle())).isNull();
        assertThat(gone.isOpen()).isFalse();
        f.disk().flush();
    }

    @Test
    void withNothingOpenThereIsLittleToHandOver() {
        f.start();
        ModuleState state = f.save();
        assertThat(state.data().length).isLessThan(2048);
        f.adopt(state);
        f.driver.start();
        f.disk().flush();
        f.handOver();
        f.disk().flush();
    }

    @ParameterizedTest
    @EnumSource(QueueOptions.Completion.class)
    void anOwnerIsWokenOutOfItsWait(QueueOptions.Completion completion) throws Exception {
        f.start();
        BlockQueue queue = f.disk().openQueue(new QueueOptions(4, completion));
        FutureTask<Boolean> wait = new FutureTask<>(() -> queue.await(60_000_000_000L));
        Thread owner = new Thread(wait, "owner");
        owner.start();
        queue.wake();
        assertThat(wait.get(10, TimeUnit.SECONDS)).isFalse();
        owner.join();
        queue.close();
    }
}
