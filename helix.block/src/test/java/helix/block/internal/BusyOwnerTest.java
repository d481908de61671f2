package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockQueue;
import helix.modules.api.reload.ReloadParticipant.Passage;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// Owners who never rest do not stand in the way of a replacement: neither at the gate nor on the
/// processors.
class BusyOwnerTest {
    private static final int ROUNDS = 40;
    private static final long WALL_NANOS = 300_000_000;

    private volatile boolean stop;

    private static void poll(BlockQueue queue) {
        queue.poll((tag, status) -> {}, 64);
    }

    /// The median time to park while somebody uses a queue all the time.
    private long parkNanos(Consumer<BlockQueue> use) throws InterruptedException {
        SwapRig rig = new SwapRig(8);
        long[] nanos = new long[ROUNDS];
        try (BlockQueue queue = rig.queue(8)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            Thread owner =
                    Thread.ofPlatform()
                            .start(() -> {
                                while (!stop) {
                                    use.accept(queue);
                                }
                            });
            for (int i = 0; i < ROUNDS; i++) {
                try (Passage passage = rig.reload.begin(SwapRig.SLOT)) {
                    long begin = System.nanoTime();
                    assertThat(passage.park(SwapRig.soon())).isTrue();
                    nanos[i] = System.nanoTime() - begin;
                    assertThat(passage.resume().failed()).isZero();
                }
            }
            stop = true;
            assertThat(owner.join(Duration.ofSeconds(10))).isTrue();
            rig.controller.hold(false);
        }
        Arrays.sort(nanos);
        return nanos[ROUNDS / 2];
    }

    @Test
    void whoOnlyPollsIsParkedSoon() throws InterruptedException {
        assertThat(parkNanos(BusyOwnerTest::poll)).isLessThan(2_000_000);
    }

    @Test
    void whoOnlyAwaitsIsParkedSoon() throws InterruptedException {
        assertThat(
                        parkNanos(queue -> {
                            boolean ignored = queue.await(1_000);
                        }))
                .isLessThan(2_000_000);
    }

    /// The processor's time that an owner takes while parked.
    private static long busyNanos(Consumer<BlockQueue> use) {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8);
                Passage passage = rig.reload.begin(SwapRig.SLOT)) {
            rig.controller.hold(true);
            rig.write(queue, 1, 1, 0x21, 1);
            assertThat(passage.park(SwapRig.soon())).isTrue();
            rig.write0(queue, 2, 2);
            long begin = System.nanoTime();
            long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            while (System.nanoTime() - begin < WALL_NANOS) {
                use.accept(queue);
            }
            long busy = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before;
            rig.controller.hold(false);
            return busy;
        }
    }

    @Test
    void whoOnlyPollsLeavesTheProcessorWhileParked() {
        assertThat(busyNanos(BusyOwnerTest::poll)).isLessThan(WALL_NANOS / 2);
    }

    @Test
    void whoPollsAndLooksLeavesTheProcessorWhileParked() {
        assertThat(
                        busyNanos(queue -> {
                            poll(queue);
                            boolean ignored = queue.await(0);
                        }))
                .isLessThan(WALL_NANOS / 2);
    }

    @Test
    void whoAwaitsSleepsWhileParked() {
        assertThat(
                        busyNanos(queue -> {
                            poll(queue);
                            boolean ignored = queue.await(10_000_000);
                        }))
                .isLessThan(WALL_NANOS / 5);
    }
}
