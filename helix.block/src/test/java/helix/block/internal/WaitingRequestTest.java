package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.DmaBuffer;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/// Requests that wait: for room, for memory, for a driver.
class WaitingRequestTest {
    private static final long PARK_MILLIS = 300;

    private static void pass(long millis) {
        long end = System.nanoTime() + millis * 1_000_000;
        while (System.nanoTime() - end < 0) {
            LockSupport.parkNanos(end - System.nanoTime());
        }
    }

    /// A request that the device's queue has no room for.
    private static SwapRig withoutRoom() {
        SwapRig rig = new SwapRig(8, Duration.ofMillis(PARK_MILLIS), 1);
        rig.generation.roomless = true;
        return rig;
    }

    @Test
    void whoHasWaitedForRoomHasNotWaitedForADriver() {
        SwapRig rig = withoutRoom();
        try (BlockQueue queue = rig.queue(8)) {
            rig.write0(queue, 1, 1);
            pass(PARK_MILLIS + 50);
            rig.poll(queue);
            rig.generation.crash();
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            rig.rig.table.removed(rig.backend);
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            rig.backend = rig.rig.serve(rig.controller.generation(), SwapRig.SLOT, "nvme0n1");
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }

    @Test
    void itStillDoesNotWaitForADriverForEver() {
        SwapRig rig = withoutRoom();
        try (BlockQueue queue = rig.queue(8)) {
            rig.write0(queue, 1, 1);
            rig.generation.crash();
            rig.rig.table.removed(rig.backend);
            long begin = System.nanoTime();
            rig.finish(queue);
            assertThat(System.nanoTime() - begin).isGreaterThan(PARK_MILLIS * 900_000);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.GENERATION_GONE);
    }

    /// The device says it is another: what waits for the old medium would wait in vain.
    @Test
    void whatWaitsEndsWhenAnotherMediumIsInItsPlace() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.generation.crash();
            rig.rig.table.removed(rig.backend);
            rig.write0(queue, 1, 1);
            rig.poll(queue);
            assertThat(rig.ended).isEmpty();
            long begin = System.nanoTime();
            rig.rig.serve(Rig.drive("other"), SwapRig.SLOT, "nvme0n1");
            rig.finish(queue);
            assertThat(System.nanoTime() - begin).isLessThan(5_000_000_000L);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.DEVICE_GONE);
        assertThat(rig.disk.state()).isEqualTo(Disk.State.ABSENT);
    }

    /// The clock of a queue that was opened without a driver begins there.
    @Test
    void aQueueOpenedWithoutADriverWaitsForOne() {
        SwapRig rig = new SwapRig(8, Duration.ofMillis(PARK_MILLIS), 1);
        rig.generation.crash();
        rig.rig.table.removed(rig.backend);
        long begin = System.nanoTime();
        try (BlockQueue queue = rig.queue(8)) {
            rig.write0(queue, 1, 1);
            rig.finish(queue);
        }
        assertThat(System.nanoTime() - begin).isGreaterThan(PARK_MILLIS * 900_000);
        assertThat(rig.ended).containsEntry(1, BlockStatus.GENERATION_GONE);
    }

    @Test
    void memoryThatItsClientHasClosedIsSubmittedAgain() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(8)) {
            rig.generation.roomless = true;
            rig.write(queue, 1, 1, 0x21, 1);
            rig.poll(queue);
            rig.generation.roomless = false;
            rig.controller.hold(true);
            rig.poll(queue);
            assertThat(rig.controller.inFlight()).isEqualTo(1);
            rig.crash();
            rig.controller.hold(false);
            rig.finish(queue);
        }
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
        assertThat(rig.controller.at(1)).isEqualTo((byte) 0x21);
    }

    private static MemoryBlockDevice drive(Object pool) {
        return new MemoryBlockDevice(
                new BlockIdentity("MODEL", "A", "1", 1, ""),
                MemoryBlockDevice.defaultLimits(Rig.BLOCK),
                Rig.BLOCK,
                4096,
                pool);
    }

    @Test
    void alsoByAQueueInMemory() {
        Rig rig = new Rig();
        Object pool = new Object();
        MemoryBlockDevice first = drive(pool);
        Backend backend = rig.serve(first, SwapRig.SLOT, "nvme0n1");
        Disk.Access access = rig.published.getFirst().open(Disk.OpenMode.WRITE_SHARED, "test");
        int[] status = {-1};
        try (BlockQueue queue = access.openQueue(QueueOptions.polled(4))) {
            try (DmaBuffer buffer = access.allocate(Rig.BLOCK)) {
                first.remove(BlockStatus.GENERATION_GONE);
                rig.table.removed(backend);
                assertThat(queue.submit(BlockOp.WRITE, 0, 1, 1, buffer, 0, 1)).isTrue();
            }
            queue.kick();
            rig.serve(drive(pool), SwapRig.SLOT, "nvme0n1");
            assertThat(queue.poll((_, how) -> status[0] = how, 4)).isEqualTo(1);
        }
        assertThat(status[0]).isEqualTo(BlockStatus.OK);
    }
}
