package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockQueue;
import helix.driver.kit.BlockDeviceKit;
import helix.driver.kit.MemoryBlockDevice;
import helix.driver.kit.junit.BlockDeviceContractTest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Any number of queues over a device that has one.
class SharedLaneTest extends BlockDeviceContractTest {
    private final Rig rig = new Rig();
    private final MemoryBlockDevice drive = oneQueue();
    private Disk.Access access;

    private static MemoryBlockDevice oneQueue() {
        BlockLimits most = MemoryBlockDevice.defaultLimits(512);
        return new MemoryBlockDevice(
                new BlockIdentity("ONE", "1", "1", 1, ""),
                new BlockLimits(
                        most.maxTransferBytes(),
                        most.maxSegments(),
                        most.segmentAlignment(),
                        1,
                        most.maxQueueDepth(),
                        most.operations(),
                        true,
                        true,
                        most.maxDiscardBlocks()),
                512,
                32 * 1024);
    }

    @BeforeEach
    void open() {
        rig.serve(drive, "0000:00:04.0", "nvme0n1");
        access = rig.published.getFirst().open(Disk.OpenMode.WRITE_EXCLUSIVE, "contract");
    }

    @AfterEach
    void close() {
        access.close();
        assertThat(drive.queuesOpen()).isZero();
    }

    @Override
    protected BlockDeviceKit kit() {
        return BlockDeviceKit.of(() -> access).withPowerCut(drive::powerCut);
    }

    @Test
    void clientsShareTheOnlyQueue() throws InterruptedException {
        SwapRig shared = new SwapRig(1);
        List<StampedClient> clients = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            clients.add(new StampedClient(shared, i, 7));
            clients.getLast().start();
        }
        long end = System.nanoTime() + 20_000_000_000L;
        while (clients.stream().anyMatch(client -> client.completed() < 500)) {
            assertThat(clients).allMatch(StampedClient::isAlive);
            assertThat(System.nanoTime()).isLessThan(end);
            Thread.onSpinWait();
        }
        for (StampedClient client : clients) {
            client.stop();
        }
    }

    @Test
    void whenTheNextGenerationHasFewerQueuesTheyAreShared() {
        SwapRig swap = new SwapRig(3);
        try (BlockQueue first = swap.queue(4);
                BlockQueue second = swap.queue(4);
                BlockQueue third = swap.queue(4)) {
            swap.controller.hold(true);
            swap.write(first, 1, 1, 0x11, 1);
            swap.write(second, 2, 1, 0x12, 2);
            swap.write(third, 3, 1, 0x13, 3);
            swap.controller.limitQueues(1);
            swap.crash();
            swap.controller.hold(false);
            swap.finish(third);
            swap.finish(second);
            swap.finish(first);
            assertThat(swap.ended).containsOnlyKeys(1, 2, 3);
            assertThat(swap.controller.at(1)).isEqualTo((byte) 0x11);
            swap.write(second, 4, 1, 0x14, 4);
            swap.finish(second);
            assertThat(swap.warm().failed()).isZero();
            swap.write(first, 5, 1, 0x15, 5);
            swap.finish(first);
        }
        assertThat(swap.disk.lanes().all().counts().counts().errors()).isZero();
    }
}
