package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.block.api.Disk;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Passage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A client who does not come back from the driver's code keeps neither others nor who replaces the
/// driver.
class StuckClientTest {
    private final CountDownLatch release = new CountDownLatch(1);
    private final CountDownLatch entered = new CountDownLatch(1);
    private final List<Thread> threads = new ArrayList<>();

    private Thread start(Runnable what) {
        Thread thread = Thread.ofPlatform().daemon().start(what);
        threads.add(thread);
        return thread;
    }

    @AfterEach
    void endAll() throws InterruptedException {
        release.countDown();
        for (Thread thread : threads) {
            assertThat(thread.join(Duration.ofSeconds(20))).isTrue();
        }
    }

    private static void awaitSleeping(Thread thread) {
        while (thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
    }

    private void hang() {
        entered.countDown();
        try {
            assertThat(release.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// A client who is stuck while he polls a queue, until he is released.
    private CountDownLatch stick(SwapRig rig, BlockQueue queue) throws InterruptedException {
        CountDownLatch latch = rig.generation.hang();
        start(() -> queue.poll((_, _) -> {}, 8));
        assertThat(rig.generation.awaitHanging()).isTrue();
        return latch;
    }

    /// The driver goes and the next comes, in time.
    private void replaceInTime(SwapRig rig) throws InterruptedException {
        rig.controller.hold(false);
        Thread engine = start(rig::crash);
        assertThat(engine.join(Duration.ofSeconds(10))).as("replaced").isTrue();
    }

    @Test
    void whoWantsToShareHisLaneDoesNotKeepTheDriverFromBeingReplaced() throws Exception {
        SwapRig rig = new SwapRig(1);
        BlockQueue queue = rig.queue(8);
        CountDownLatch latch = stick(rig, queue);
        AtomicReference<Object> shared = new AtomicReference<>();
        Thread other =
                start(() -> {
                    try {
                        shared.set(rig.queue(4));
                    } catch (BlockException e) {
                        shared.set(e.status());
                    }
                });
        awaitSleeping(other);
        replaceInTime(rig);
        assertThat(other.join(Duration.ofSeconds(10))).isTrue();
        assertThat(shared.get()).isNotNull();
        latch.countDown();
    }

    @Test
    void whoWantsToShareHisLaneHearsThatThereIsNoQueue() throws Exception {
        SwapRig rig = new SwapRig(1);
        CountDownLatch latch = stick(rig, rig.queue(8));
        AtomicReference<Object> shared = new AtomicReference<>();
        Thread other =
                start(() -> {
                    try {
                        shared.set(rig.queue(4));
                    } catch (BlockException e) {
                        shared.set(e.status());
                    }
                });
        boolean inTime = other.join(Duration.ofSeconds(10));
        latch.countDown();
        assertThat(inTime).isTrue();
        assertThat(shared).hasValue(BlockStatus.NO_QUEUE);
    }

    @Test
    void whoClosesAQueueOfHisLaneDoesNotKeepTheDriverFromBeingReplaced() throws Exception {
        SwapRig rig = new SwapRig(1);
        BlockQueue first = rig.queue(8);
        BlockQueue second = rig.queue(8);
        CountDownLatch latch = stick(rig, first);
        Thread other = start(second::close);
        awaitSleeping(other);
        replaceInTime(rig);
        assertThat(other.join(Duration.ofSeconds(10))).isTrue();
        latch.countDown();
    }

    @Test
    void inTheDriversMemoryHeIsLeftToo() throws Exception {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.crash();
            FakeController.Generation other = rig.controller.generation();
            other.ownPool = new Object();
            rig.generation.crash();
            rig.rig.table.removed(rig.backend);
            rig.generation = other;
            rig.backend = rig.rig.serve(other, SwapRig.SLOT, "nvme0n1");
            var memory = rig.controller.generation().allocate(SwapRig.BLOCK);
            memory.segment().fill((byte) 0x44);
            other.beforeAllocate = this::hang;
            Thread client =
                    start(() -> {
                        assertThat(queue.submit(BlockOp.WRITE, 0, 3, 1, memory, 0, 1)).isTrue();
                        rig.finish(queue);
                    });
            assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();
            int given = rig.controller.given.get();
            replaceInTime(rig);
            int freed = rig.controller.freed();
            release.countDown();
            assertThat(client.join(Duration.ofSeconds(10))).isTrue();
            assertThat(rig.controller.given.get()).isEqualTo(given + 2);
            assertThat(rig.controller.freed()).as("what came too late").isEqualTo(freed + 1);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.at(3)).isEqualTo((byte) 0x44);
    }

    @Test
    void hisRequestsGoOnWithAnotherQueueAfterARecovery() throws Exception {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue first = rig.queue(8);
                BlockQueue second = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(first, 1, 1, 0x21, 1);
            rig.write(second, 2, 1, 0x22, 2);
            CountDownLatch latch = rig.generation.hang();
            Thread client = start(() -> rig.finish(first));
            assertThat(rig.generation.awaitHanging()).isTrue();
            rig.controller.abort();
            rig.controller.hold(false);
            rig.finish(second);
            assertThat(rig.ended).containsEntry(2, BlockStatus.OK);
            latch.countDown();
            assertThat(client.join(Duration.ofSeconds(10))).isTrue();
            assertThat(rig.ended).containsEntry(1, BlockStatus.OUTCOME_UNKNOWN);
            assertThat(rig.disk.lanes().all()).hasSize(2);
            rig.write0(first, 4, 4);
            rig.finish(first);
        }
        assertThat(rig.ended).containsEntry(4, BlockStatus.OK);
    }

    /// One who sleeps in the driver's code beside him is woken and keeps his lane.
    @Test
    void heDoesNotUseUpTheTimeOfOthers() throws Exception {
        SwapRig rig = new SwapRig(8);
        BlockQueue first = rig.queue(8);
        BlockQueue second = rig.queue(8);
        rig.controller.hold(true);
        rig.write(first, 1, 1, 0x21, 1);
        rig.write(second, 2, 1, 0x22, 2);
        CountDownLatch latch = stick(rig, first);
        Thread sleeper =
                start(() -> {
                    boolean _ = second.await(500_000_000);
                });
        awaitSleeping(sleeper);
        List<Lane> before = List.copyOf(rig.disk.lanes().all().list());
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(Deadline.afterMillis(30))).isFalse();
            assertThat(rig.disk.lanes().all().list())
                    .doesNotContain(before.getFirst())
                    .contains(before.getLast());
        }
        rig.controller.hold(false);
        latch.countDown();
    }

    /// It is not a client this time, but the passage itself that is stuck in the driver.
    @Test
    void aDriverThatHangsWhenClientsGoOnIsReplaced() throws Exception {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.generation.crash();
            rig.serveNext();
            rig.generation.beforeKick = this::hang;
            assertThatThrownBy(passage::resume)
                    .isInstanceOf(ModuleError.class)
                    .hasMessageContaining("could not go on within");
            rig.generation.crash();
            rig.serveNext();
            assertThat(passage.resume().failed()).isZero();
            rig.controller.hold(false);
            release.countDown();
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.violations).isEmpty();
    }

    /// What was left behind in the old driver does not open the gates of a later passage.
    @Test
    void whatWasLeftBehindDoesNotLetClientsGoOn() throws Exception {
        SwapRig rig = new SwapRig(8);
        Passage passage = rig.reload.begin(SwapRig.SLOT);
        assertThat(passage.park(SwapRig.soon())).isTrue();
        rig.generation.crash();
        rig.serveNext();
        try (BlockQueue queue = rig.queue(8)) {
            CountDownLatch opened = new CountDownLatch(1);
            rig.generation.afterOpen = opened::countDown;
            rig.generation.beforeOpen = this::hang;
            assertThatThrownBy(passage::resume).hasMessageContaining("could not go on within");
            assertThat(passage.park(SwapRig.soon())).isTrue();
            Thread left = threadIn("resume");
            release.countDown();
            assertThat(left.join(Duration.ofSeconds(10))).isTrue();
            assertThat(opened.getCount()).isZero();
            rig.write0(queue, 1, 1);
            rig.poll(queue);
            assertThat(rig.ended).as("clients are parked").isEmpty();
            passage.close();
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }

    private static Thread threadIn(String method) {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(e ->
                        Arrays.stream(e.getValue())
                                .anyMatch(f ->
                                        f.getMethodName().equals(method)
                                                && f.getClassName()
                                                        .equals(DiskLanes.class.getName())))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aCallerOfTheDriverDoesNotUseUpTheTimeOfOthers() throws Exception {
        SwapRig rig = new SwapRig(8);
        BlockQueue queue = rig.queue(8);
        rig.controller.hold(true);
        rig.write(queue, 2, 1, 0x22, 2);
        rig.generation.beforeAllocate = this::hang;
        start(() -> rig.access.allocate(512).close());
        assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();
        Thread sleeper =
                start(() -> {
                    boolean _ = queue.await(500_000_000);
                });
        awaitSleeping(sleeper);
        Lane before = rig.disk.lanes().all().list().getFirst();
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(Deadline.afterMillis(30))).isFalse();
            assertThat(rig.disk.lanes().all().list()).containsExactly(before);
        }
        rig.controller.hold(false);
    }

    /// Who is in a lane but not in the driver cannot be left there; the lane is put right later.
    @Test
    void whoStaysInOurCodeIsNotWaitedForForEver() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            Lane lane = rig.disk.lanes().all().list().getFirst();
            assertThat(lane.enter()).isTrue();
            assertThat(passage.park(Deadline.afterMillis(30))).isFalse();
            lane.leave();
            rig.crash();
            rig.controller.hold(false);
            assertThat(lane.enter()).isTrue();
            var _ = passage.resume();
            lane.leave();
            rig.finish(queue);
            assertThat(rig.disk.lanes().all()).containsExactly(lane);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.at(1)).isEqualTo((byte) 0x21);
    }

    /// All disks of a device are parked together.
    @Test
    void heDoesNotUseUpTheTimeOfOtherDisks() throws Exception {
        SwapRig rig = new SwapRig(8);
        CountDownLatch latch = stick(rig, rig.queue(8));
        FakeController another = new FakeController(4096, 8, 2, "S2");
        rig.rig.serve(another.generation(), SwapRig.SLOT, "nvme0n2");
        StableDisk disk = rig.rig.published.getLast();
        Disk.Access access = disk.open(Disk.OpenMode.READ, "test");
        BlockQueue queue = access.openQueue(QueueOptions.interrupt(4));
        Thread sleeper =
                start(() -> {
                    boolean _ = queue.await(500_000_000);
                });
        awaitSleeping(sleeper);
        Lane before = disk.lanes().all().list().getFirst();
        try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            assertThat(passage.park(Deadline.afterMillis(30))).isFalse();
            assertThat(disk.lanes().all().list()).containsExactly(before);
        }
        latch.countDown();
    }
}
