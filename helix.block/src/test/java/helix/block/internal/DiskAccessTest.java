package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.block.api.Disk;
import helix.block.api.Disk.Access;
import helix.block.api.Disk.OpenMode;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DiskAccessTest {
    private final Rig rig = new Rig();
    private final MemoryBlockDevice drive = Rig.drive("A");
    private final List<Integer> statuses = new ArrayList<>();
    private Backend backend;
    private StableDisk disk;

    @BeforeEach
    void plug() {
        backend = rig.serve(drive, "0000:00:04.0", "nvme0n1");
        disk = rig.published.getFirst();
    }

    private static MemorySegment bytes(int count, int value) {
        byte[] array = new byte[count];
        java.util.Arrays.fill(array, (byte) value);
        return MemorySegment.ofArray(array);
    }

    private List<Integer> drain(BlockQueue queue) {
        statuses.clear();
        queue.await(1_000_000_000);
        queue.poll((tag, status) -> statuses.add(status), 64);
        return statuses;
    }

    @Test
    void plainCallsReachTheDeviceAndAreCounted() {
        try (Access access = disk.open(OpenMode.WRITE_SHARED, "test")) {
            access.writeBlock(7, bytes(1024, 0x5A));
            MemorySegment back = bytes(1024, 0);
            access.readBlock(7, back);
            access.flush();
            assertThat(back.mismatch(bytes(1024, 0x5A))).isEqualTo(-1);
        }
        assertThat(disk.statistics())
                .isEqualTo(new Disk.Statistics(1, 1, 1, 0, 1024, 1024, 0, 0, 0, 0, 0));
        assertThat(disk.users()).isEmpty();
    }

    @Test
    void aLoserIsToldWhoHoldsTheDisk() {
        try (Access winner = disk.open(OpenMode.WRITE_EXCLUSIVE, "blk:write in shell 2")) {
            assertThat(winner.disk()).isSameAs(disk);
            for (OpenMode mode : OpenMode.values()) {
                assertThatThrownBy(() -> disk.open(mode, "other"))
                        .isInstanceOf(DeviceBusyException.class)
                        .hasMessage("nvme0n1 is held by blk:write in shell 2");
            }
        }
        disk.open(OpenMode.READ, "reader").close();
    }

    @Test
    void readersAndSharedWritersKeepAnExclusiveWriterOut() {
        try (Access reader = disk.open(OpenMode.READ, "reader");
                Access writer = disk.open(OpenMode.WRITE_SHARED, "writer")) {
            assertThat(disk.users())
                    .extracting(Disk.User::name)
                    .containsExactly("reader", "writer");
            assertThat(reader).isNotSameAs(writer);
            assertThatThrownBy(() -> disk.open(OpenMode.WRITE_EXCLUSIVE, "late"))
                    .hasMessageContaining("reader");
        }
    }

    @Test
    void aReaderCannotWrite() {
        try (Access access = disk.open(OpenMode.READ, "reader");
                DmaBuffer buffer = access.allocate(512);
                BlockQueue queue = access.openQueue(QueueOptions.polled(2))) {
            assertThatThrownBy(() -> access.writeBlock(0, bytes(512, 1)))
                    .isInstanceOfSatisfying(
                            BlockException.class,
                            e -> assertThat(e.status()).isEqualTo(BlockStatus.READ_ONLY));
            assertThat(queue.submit(BlockOp.WRITE, 0, 0, 1, buffer, 0, 1)).isTrue();
            assertThat(queue.submit(BlockOp.WRITE_ZEROES, 0, 0, 1, null, 0, 2)).isTrue();
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 3)).isFalse();
            assertThat(queue.inFlight()).isEqualTo(2);
            assertThat(drain(queue)).containsExactly(BlockStatus.READ_ONLY, BlockStatus.READ_ONLY);
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 4)).isTrue();
            assertThat(drain(queue)).containsExactly(BlockStatus.OK);
        }
        assertThat(disk.statistics().errors()).isEqualTo(2);
        assertThat(disk.statistics().reads()).isEqualTo(1);
    }

    @Test
    void memoryOfOtherDevicesIsCopiedAndCounted() {
        MemoryBlockDevice other = Rig.drive("B");
        try (Access access = disk.open(OpenMode.WRITE_SHARED, "test");
                DmaBuffer foreign = other.allocate(4096);
                BlockQueue queue = access.openQueue(QueueOptions.polled(4))) {
            foreign.segment().fill((byte) 0x11);
            ScatterList list = new ScatterList(2).add(foreign, 0, 512).add(foreign, 1024, 512);
            assertThat(queue.submit(BlockOp.WRITE, 0, 5, 2, list, 0)).isTrue();
            list.clear();
            assertThat(drain(queue)).containsExactly(BlockStatus.OK);
            foreign.segment().fill((byte) 0);
            assertThat(queue.submit(BlockOp.READ, 0, 5, 2, foreign, 512, 0)).isTrue();
            assertThat(drain(queue)).containsExactly(BlockStatus.OK);

            assertThat(foreign.segment().get(ValueLayout.JAVA_BYTE, 511)).isZero();
            assertThat(foreign.segment().get(ValueLayout.JAVA_BYTE, 512)).isEqualTo((byte) 0x11);
            assertThat(foreign.segment().get(ValueLayout.JAVA_BYTE, 1535)).isEqualTo((byte) 0x11);
            assertThat(foreign.segment().get(ValueLayout.JAVA_BYTE, 1536)).isZero();
            assertThat(disk.statistics().bounced()).isEqualTo(2);
        }
        assertThat(drive.buffersInUse()).isZero();
        assertThat(other.buffersInUse()).isZero();
    }

    @Test
    void whenTheDriveIsPulledQueuesEndAndPlainCallsFailAtOnce() {
        Access access = disk.open(OpenMode.WRITE_SHARED, "test");
        DmaBuffer buffer = access.allocate(512);
        BlockQueue queue = access.openQueue(QueueOptions.interrupt(4));
        assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
        drive.remove(BlockStatus.DEVICE_GONE);
        rig.unplug(backend);

        assertThat(drain(queue)).containsExactly(BlockStatus.DEVICE_GONE);
        assertThat(queue.isOpen()).isFalse();
        assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isFalse();
        long begin = System.nanoTime();
        assertThatThrownBy(() -> access.readBlock(0, bytes(512, 0)))
                .isInstanceOf(DeviceGoneException.class)
                .hasMessage("nvme0n1 is absent");
        assertThatThrownBy(access::flush).isInstanceOf(DeviceGoneException.class);
        assertThatThrownBy(() -> access.openQueue(QueueOptions.polled(1)))
                .isInstanceOf(DeviceGoneException.class);
        assertThatThrownBy(() -> disk.open(OpenMode.READ, "late"))
                .isInstanceOf(DeviceGoneException.class);
        assertThat(System.nanoTime() - begin).isLessThan(1_000_000_000);
        buffer.close();
        access.close();
        assertThat(drive.queuesOpen()).isZero();
    }

    @Test
    void anAccessAndItsQueuesSurviveTheRestartOfTheDriver() {
        try (Access access = disk.open(OpenMode.WRITE_SHARED, "test");
                BlockQueue queue = access.openQueue(QueueOptions.polled(4));
                DmaBuffer buffer = access.allocate(512)) {
            drive.remove(BlockStatus.GENERATION_GONE);
            rig.table.removed(backend);
            assertThat(queue.isOpen()).isTrue();
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 7)).isTrue();
            assertThat(queue.await(1_000_000)).isFalse();

            MemoryBlockDevice next = Rig.drive("A");
            rig.serve(next, "0000:00:04.0", "nvme0n1");
            assertThat(drain(queue)).containsExactly(BlockStatus.OK);
            access.writeBlock(0, bytes(512, 3));
            assertThat(disk.statistics().parked()).isEqualTo(1);
            assertThat(next.queuesOpen()).isEqualTo(2);
        }
        assertThat(drive.queuesOpen()).isZero();
    }

    @Test
    void closingAnAccessClosesItsQueues() {
        Access access = disk.open(OpenMode.WRITE_EXCLUSIVE, "test");
        BlockQueue queue = access.openQueue(QueueOptions.polled(4));
        access.close();
        access.close();

        assertThat(queue.isOpen()).isFalse();
        assertThat(drive.queuesOpen()).isZero();
        assertThat(disk.users()).isEmpty();
        assertThatThrownBy(() -> access.readBlock(0, bytes(512, 0)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("nvme0n1 was closed by test");
    }

    @Test
    void theEndOfTheSubsystemClosesWhatIsOpen() {
        Access access = disk.open(OpenMode.READ, "test");
        BlockQueue queue = access.openQueue(QueueOptions.polled(4));
        rig.table.close();
        assertThat(queue.isOpen()).isFalse();
        assertThat(drive.queuesOpen()).isZero();
    }

    @Test
    void blocksBeyondTheEndAreRefused() {
        try (Access access = disk.open(OpenMode.WRITE_SHARED, "test");
                DmaBuffer buffer = access.allocate(1024);
                BlockQueue queue = access.openQueue(QueueOptions.polled(4))) {
            assertThat(queue.submit(BlockOp.WRITE, 0, 4095, 2, buffer, 0, 1)).isTrue();
            assertThat(queue.submit(BlockOp.READ, 0, Long.MAX_VALUE, 1, buffer, 0, 1)).isTrue();
            assertThat(drain(queue))
                    .containsExactly(BlockStatus.OUT_OF_RANGE, BlockStatus.OUT_OF_RANGE);
            assertThatThrownBy(() -> access.readBlock(4096, bytes(512, 0)))
                    .isInstanceOf(BlockException.class)
                    .hasMessageContaining("nvme0n1");
        }
    }
}
