package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class RequestsTest {
    @Test
    void theSerialNumberIdentifiesTheDisk() {
        try (Fixture f = Fixture.usual().start()) {
            assertThat(f.disk().identity().key()).isEqualTo("virtio-blk/fake-serial/1");
            assertThat(f.context.properties.get("vblk0").toString())
                    .contains("block.name=vblk0", "block.identity=virtio-blk/fake-serial/1");
        }
    }

    @Test
    void withoutASerialNumberTheAddressDoes() {
        try (Fixture f = Fixture.usual()) {
            f.media.serial = null;
            f.start();
            assertThat(f.disk().identity().serial()).isEqualTo("0000:00:05.0/virtio");
        }
    }

    @Test
    void aSerialNumberOfTwentyBytesHasNoZeroBehindIt() {
        byte[] full = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".substring(0, 20).getBytes();
        assertThat(SerialNumber.text(full)).isEqualTo("ABCDEFGHIJKLMNOPQRST");
        assertThat(SerialNumber.text(new byte[20])).isEmpty();
        assertThat(SerialNumber.text(new byte[] {' ', 'a', 7, 'b', ' ', 0, 'c'})).isEqualTo("ab");
    }

    @Test
    void aWriteWithFuaEndsAfterItsFlush() {
        try (Fixture f = Fixture.usual().start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            f.media.holdFlushes = true;
            f.media.types.clear();
            assertThat(queue.submit(BlockOp.WRITE, BlockOp.FUA, 3, 1, buffer, 0, 7)).isTrue();
            queue.kick();
            assertThat(queue.poll((tag, status) -> {}, 9)).isZero();
            assertThat(f.media.types).containsExactly(Blk.T_OUT, Blk.T_FLUSH);
            assertThat(queue.inFlight()).isEqualTo(1);
            f.media.holdFlushes = false;
            f.media.release(0);
            assertThat(Fixture.drain(queue, 1)).containsExactly("7:ok");
        }
    }

    @Test
    void aWriteWithFuaThatFailsIsNotFlushed() {
        try (Fixture f = Fixture.usual().start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            f.media.failingType = Blk.T_OUT;
            f.media.types.clear();
            assertThat(queue.submit(BlockOp.WRITE, BlockOp.FUA, 3, 1, buffer, 0, 7)).isTrue();
            assertThat(Fixture.drain(queue, 1)).containsExactly("7:I/O error");
            assertThat(f.media.types).containsExactly(Blk.T_OUT);
        }
    }

    @Test
    void withoutAVolatileCacheFuaCostsNoFlush() {
        try (Fixture f = new Fixture(Fixture.USUAL & ~Blk.F_FLUSH, 64, 64).start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            f.media.types.clear();
            assertThat(f.disk().limits().volatileCache()).isFalse();
            queue.submit(BlockOp.WRITE, BlockOp.FUA, 3, 1, buffer, 0, 7);
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 8);
            assertThat(Fixture.drain(queue, 2)).containsExactlyInAnyOrder("7:ok", "8:ok");
            assertThat(f.media.types).containsExactly(Blk.T_OUT);
        }
    }

    @Test
    void aCacheInWriteThroughModeIsNotVolatile() {
        try (Fixture f = new Fixture(Fixture.USUAL | Blk.F_CONFIG_WCE, 64, 64)) {
            f.media.number(32, 0, 1);
            f.start();
            assertThat(f.disk().limits().volatileCache()).isFalse();
        }
        try (Fixture f = new Fixture(Fixture.USUAL | Blk.F_CONFIG_WCE, 64, 64)) {
            f.media.number(32, 1, 1);
            f.start();
            assertThat(f.disk().limits().volatileCache()).isTrue();
        }
    }

    @Test
    void statusesAreTranslated() {
        try (Fixture f = Fixture.usual().start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            f.media.failingType = Blk.T_IN;
            for (int status : List.of(Blk.S_IOERR, Blk.S_UNSUPP, 77, 0xFF)) {
                f.media.failure = status;
                queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, status);
                String expected =
                        status == Blk.S_UNSUPP ? "not supported by the device" : "I/O error";
                assertThat(Fixture.drain(queue, 1)).containsExactly(status + ":" + expected);
            }
            queue.submit(BlockOp.COMPARE, 0, 0, 1, buffer, 0, 5);
            assertThat(Fixture.drain(queue, 1)).containsExactly("5:not supported by the device");
        }
    }

    @Test
    void aReadOnlyDeviceRefusesWrites() {
        try (Fixture f = new Fixture(Fixture.USUAL | Blk.F_RO, 64, 64).start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            queue.submit(BlockOp.WRITE, 0, 0, 1, buffer, 0, 1);
            queue.submit(BlockOp.WRITE_ZEROES, 0, 0, 1, null, 0, 2);
            queue.submit(BlockOp.DISCARD, 0, 0, 1, null, 0, 3);
            queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 4);
            assertThat(Fixture.drain(queue, 4))
                    .containsExactlyInAnyOrder("1:read only", "2:read only", "3:read only", "4:ok");
            assertThatThrownBy(() -> f.disk().writeBlock(0, MemorySegment.ofArray(new byte[512])))
                    .isInstanceOfSatisfying(
                            BlockException.class,
                            e -> assertThat(e.status()).isEqualTo(BlockStatus.READ_ONLY));
        }
    }

    @Test
    void theCapacityFollowsTheConfiguration() {
        try (Fixture f = Fixture.usual().start();
                DmaBuffer buffer = f.disk().allocate(512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            assertThat(f.disk().totalBlocks()).isEqualTo(1 << 16);
            int before = f.context.wakeUps.get();
            f.media.resize(1 << 15);
            assertThat(f.context.wakeUps.get()).isGreaterThan(before);
            f.context.runAgents();
            assertThat(f.disk().totalBlocks()).isEqualTo(1 << 15);
            queue.submit(BlockOp.READ, 0, 1 << 15, 1, buffer, 0, 1);
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:beyond the end");
            f.media.resize(1 << 17);
            f.context.runAgents();
            queue.submit(BlockOp.READ, 0, (1 << 17) - 1, 1, buffer, 0, 2);
            assertThat(Fixture.drain(queue, 1)).containsExactly("2:ok");
            assertThat(f.context.failures).isEmpty();
        }
    }

    @Test
    void oneQueueMoreThanThereAreIsRefusedWithTheirNumber() {
        try (Fixture f = Fixture.usual().start();
                BlockQueue first = f.disk().openQueue(QueueOptions.polled(4));
                BlockQueue second = f.disk().openQueue(QueueOptions.interrupt(4))) {
            assertThat(first.isOpen() && second.isOpen()).isTrue();
            assertThatThrownBy(() -> f.disk().openQueue(QueueOptions.polled(1)))
                    .isInstanceOf(BlockException.class)
                    .hasMessageContaining("all 2 queues")
                    .hasMessageContaining("no queue left");
        }
    }

    @Test
    void impossibleConfigurationsAreRefused() {
        refused(f -> f.media.number(20, 513, 4), "blk_size 513");
        refused(f -> f.media.number(20, 1 << 20, 4), "blk_size");
        refused(f -> f.media.number(12, 0, 4), "seg_max 0");
        refused(f -> f.media.number(0, -1, 8), "capacity");
    }

    private static void refused(java.util.function.Consumer<Fixture> spoil, String why) {
        try (Fixture f = Fixture.usual()) {
            spoil.accept(f);
            assertThatThrownBy(f::init)
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining(why);
        }
    }

    @Test
    void aDeviceClaimsMoreQueuesThanItHas() {
        try (Fixture f = Fixture.usual()) {
            f.media.number(34, 4000, 2);
            f.start();
            assertThat(f.disk().limits().maxQueues()).isEqualTo(2);
        }
    }
}
