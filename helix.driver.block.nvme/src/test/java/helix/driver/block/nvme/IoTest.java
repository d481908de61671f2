package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IoTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private static byte[] random(int bytes, long seed) {
        byte[] data = new byte[bytes];
        new Random(seed).nextBytes(data);
        return data;
    }

    private static void fill(DmaBuffer buffer, byte[] data) {
        MemorySegment.copy(data, 0, buffer.segment(), ValueLayout.JAVA_BYTE, 0, data.length);
    }

    private static byte[] content(DmaBuffer buffer, int bytes) {
        return buffer.segment().asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    @ParameterizedTest
    @ValueSource(ints = {9, 12})
    void writtenBlocksAreReadBack(int shift) {
        f.commands.namespaces.put(1, new FakeNamespace(4096, shift));
        f.start();
        BlockDevice disk = f.disk();
        byte[] data = random(1 << 20, 1);
        try (DmaBuffer buffer = disk.allocate(1 << 20);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(8))) {
            fill(buffer, data);
            int blocks = (1 << 20) >> shift;
            assertThat(queue.submit(BlockOp.WRITE, 0, 3, blocks, buffer, 0, 7)).isTrue();
            assertThat(Fixture.drain(queue, 1)).containsExactly("7:ok");
            buffer.segment().fill((byte) 0);
            assertThat(queue.submit(BlockOp.READ, 0, 3, blocks, buffer, 0, 8)).isTrue();
            assertThat(Fixture.drain(queue, 1)).containsExactly("8:ok");
            assertThat(content(buffer, data.length)).isEqualTo(data);
        }
    }

    @Test
    void transfersAboveMdtsAreSplitAndCompleteOnce() {
        f.commands.mdts = 5;
        f.start();
        BlockDevice disk = f.disk();
        assertThat(disk.limits().maxTransferBytes()).isEqualTo(1 << 20);
        try (DmaBuffer buffer = disk.allocate((1 << 20) + 4096);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(2))) {
            assertThat(queue.submit(BlockOp.READ, 0, 100, 2048, buffer, 512, 1)).isTrue();
            assertThat(queue.submit(BlockOp.READ, 0, 5000, 2048, buffer, 0, 2)).isTrue();
            assertThat(queue.inFlight()).isEqualTo(2);
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 3)).isFalse();
            assertThat(Fixture.drain(queue, 2)).containsExactlyInAnyOrder("1:ok", "2:ok");
            assertThat(f.commands.io).hasSize(16).contains("read 100+256", "read 1892+256");
        }
    }

    @Test
    void withoutMdtsOneCommandCarriesAll() {
        f.commands.mdts = 0;
        f.start();
        try (DmaBuffer buffer = f.disk().allocate(1 << 20);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(1))) {
            queue.submit(BlockOp.READ, 0, 0, 2048, buffer, 0, 1);
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:ok");
            assertThat(f.commands.io).containsExactly("read 0+2048");
        }
    }

    @Test
    void anAbsurdMdtsIsNoLimit() {
        f.commands.mdts = 255;
        f.start();
        assertThat(f.disk().limits().maxTransferBytes()).isEqualTo(1 << 20);
    }

    @Test
    void scatteredMemoryIsGatheredInOrder() {
        f.start();
        BlockDevice disk = f.disk();
        Random random = new Random(5);
        try (DmaBuffer buffer = disk.allocate(1 << 20);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(4))) {
            for (int round = 0; round < 200; round++) {
                byte[] data = random(1 << 20, round);
                fill(buffer, data);
                ScatterList list = new ScatterList(16);
                List<byte[]> expected = new ArrayList<>();
                int pieces = 1 + random.nextInt(16);
                for (int i = 0; i < pieces; i++) {
                    int offset = 512 * random.nextInt(1024);
                    int length = 512 * (1 + random.nextInt(64));
                    list.add(buffer, offset, length);
                    expected.add(java.util.Arrays.copyOfRange(data, offset, offset + length));
                }
                int blocks = (int) (list.bytes() / 512);
                assertThat(queue.submit(BlockOp.WRITE, 0, 1000, blocks, list, round)).isTrue();
                assertThat(Fixture.drain(queue, 1)).containsExactly(round + ":ok");
                long block = 1000;
                for (byte[] piece : expected) {
                    for (int at = 0; at < piece.length; at += 512) {
                        assertThat(f.commands.namespaces.get(1).read(block++))
                                .isEqualTo(java.util.Arrays.copyOfRange(piece, at, at + 512));
                    }
                }
            }
        }
    }

    @Test
    void flushWriteZeroesDeallocateCompareAndForceUnitAccess() {
        f.start();
        BlockDevice disk = f.disk();
        assertThat(disk.limits().operations())
                .containsExactlyInAnyOrder(
                        BlockOp.FLUSH, BlockOp.DISCARD, BlockOp.WRITE_ZEROES, BlockOp.COMPARE);
        assertThat(disk.limits().volatileCache()).isTrue();
        try (DmaBuffer buffer = disk.allocate(4096);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(8))) {
            fill(buffer, random(4096, 9));
            queue.submit(BlockOp.WRITE, BlockOp.FUA, 10, 8, buffer, 0, 1);
            queue.submit(BlockOp.COMPARE, 0, 10, 8, buffer, 0, 2);
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 3);
            assertThat(Fixture.drain(queue, 3)).containsExactly("1:ok", "2:ok", "3:ok");
            assertThat(f.commands.fuas).isEqualTo(1);
            queue.submit(BlockOp.WRITE_ZEROES, 0, 10, 4, null, 0, 4);
            queue.submit(BlockOp.DISCARD, 0, 14, 4, null, 0, 5);
            queue.submit(BlockOp.COMPARE, 0, 10, 8, buffer, 0, 6);
            assertThat(Fixture.drain(queue, 3)).containsExactly("4:ok", "5:ok", "6:compare failed");
            assertThat(f.commands.io)
                    .contains("write-zeroes 10+4", "deallocate 14+4 attributes 4", "flush");
        }
    }

    @Test
    void operationsThatTheControllerLacksAreRefused() {
        f.commands.oncs = 0;
        f.commands.vwc = 0;
        f.start();
        assertThat(f.disk().limits().operations()).containsExactly(BlockOp.FLUSH);
        assertThat(f.disk().limits().volatileCache()).isFalse();
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8))) {
            assertThatThrownBy(() -> queue.submit(BlockOp.DISCARD, 0, 0, 1, null, 0, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("nvme0n1 cannot do discard");
        }
    }

    @Test
    void blocksBeyondTheEndAreRefusedWithoutAPartialTransfer() {
        f.start();
        try (DmaBuffer buffer = f.disk().allocate(8192);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8))) {
            queue.submit(BlockOp.WRITE, 0, 65535, 2, buffer, 0, 1);
            queue.submit(BlockOp.READ, 0, Long.MAX_VALUE, 1, buffer, 0, 3);
            queue.submit(BlockOp.WRITE_ZEROES, 0, 65536, 1, null, 0, 4);
            assertThat(Fixture.drain(queue, 3))
                    .containsExactlyInAnyOrder(
                            "1:beyond the end", "3:beyond the end", "4:beyond the end");
            assertThat(f.commands.io).isEmpty();
        }
    }

    @Test
    void requestsThatBreakTheLimitsAreRefused() {
        f.start();
        BlockDevice disk = f.disk();
        try (DmaBuffer buffer = disk.allocate(2 << 20);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(8))) {
            refused(() -> queue.submit(BlockOp.READ, 0, 0, 2049, buffer, 0, 1), "limit is 1 to");
            refused(() -> queue.submit(BlockOp.READ, 0, 0, 0, buffer, 0, 1), "0 blocks");
            refused(() -> queue.submit(BlockOp.READ, 0, 0, 1, buffer, 100, 1), "not aligned");
            refused(
                    () -> queue.submit(BlockOp.READ, 0, 0, 2, buffer, (2 << 20) - 512, 1),
                    "offset");
            refused(() -> queue.submit(BlockOp.READ, 0, 0, 1, null, 0, 1), "without memory");
            refused(() -> queue.submit(BlockOp.READ, 0, -1, 1, buffer, 0, 1), "at block -1");
            refused(() -> queue.submit(BlockOp.READ, 6, 0, 1, buffer, 0, 1), "flags 6");
            refused(() -> queue.submit(9, 0, 0, 1, buffer, 0, 1), "no operation 9");
            MemorySegment elsewhere = MemorySegment.ofArray(new byte[4096]);
            DmaBuffer foreign = new DmaBuffer(elsewhere, 0x1000, "another pool", b -> {});
            refused(() -> queue.submit(BlockOp.READ, 0, 0, 1, foreign, 0, 1), "does not reach");
            assertThat(queue.inFlight()).isZero();
        }
    }

    private static void refused(
            org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String why) {
        assertThatThrownBy(call)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
    }

    @Test
    void completionsOutOfOrderFindTheirRequests() {
        f.start();
        try (DmaBuffer buffer = f.disk().allocate(64 * 512);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(16))) {
            f.nvme.hold = c -> c.sq.id != 0;
            for (int i = 0; i < 16; i++) {
                queue.submit(BlockOp.READ, 0, i, 1, buffer, 512L * i, i);
            }
            queue.kick();
            assertThat(queue.poll((tag, status) -> {}, 100)).isZero();
            f.nvme.releaseHeld();
            assertThat(Fixture.drain(queue, 16)).hasSize(16).startsWith("15:ok").endsWith("0:ok");
        }
    }

    @Test
    void oneDoorbellShowsAWholeBatch() {
        f.start();
        try (DmaBuffer buffer = f.disk().allocate(4096);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(32))) {
            f.nvme.doorbellWrites = 0;
            int ios = 0;
            for (int round = 0; round < 100; round++) {
                while (queue.submit(BlockOp.READ, 0, 1, 1, buffer, 0, 0)) {
                    ios++;
                }
                queue.kick();
                queue.poll((tag, status) -> {}, 100);
            }
            assertThat(ios).isEqualTo(3200);
            assertThat(f.nvme.doorbellWrites).isLessThan(150);
        }
    }

    @Test
    void queuesWrapAroundWithLateHeadReports() {
        f.nvme.mqes = 15;
        f.start();
        BlockDevice disk = f.disk();
        try (DmaBuffer buffer = disk.allocate(4096);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(100))) {
            assertThat(queue.depth()).isEqualTo(disk.limits().maxQueueDepth());
            for (int i = 0; i < 1000; i++) {
                assertThat(queue.submit(BlockOp.READ, 0, 1, 1, buffer, 0, i)).isTrue();
                queue.kick();
                assertThat(queue.poll((tag, status) -> {}, 100)).isEqualTo(1);
            }
        }
    }

    @Test
    void severalQueuesAreOpenAtATimeAndOneTooManyIsRefusedWithTheNumber() {
        f.nvme.maxPairs = 3;
        f.start();
        BlockDevice disk = f.disk();
        assertThat(disk.limits().maxQueues()).isEqualTo(2);
        BlockQueue a = disk.openQueue(QueueOptions.polled(4));
        BlockQueue b = disk.openQueue(QueueOptions.interrupt(4));
        assertThatThrownBy(() -> disk.openQueue(QueueOptions.polled(4)))
                .isInstanceOf(BlockException.class)
                .hasMessage("nvme0n1: all 2 queues for clients are open: no queue left");
        // Plain calls work all the same.
        disk.flush();
        a.close();
        BlockQueue c = disk.openQueue(QueueOptions.polled(4));
        c.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
        assertThat(Fixture.drain(c, 1)).containsExactly("1:ok");
        b.close();
        c.close();
    }

    @Test
    void plainCallsCopyAnyAmountFromAnyMemory() {
        f.start();
        byte[] data = random(3 * 512 * 1024, 4);
        f.disk().writeBlock(7, MemorySegment.ofArray(data));
        byte[] back = new byte[data.length];
        f.disk().readBlock(7, MemorySegment.ofArray(back));
        assertThat(back).isEqualTo(data);
        assertThatThrownBy(() -> f.disk().readBlock(65536, MemorySegment.ofArray(new byte[512])))
                .isInstanceOf(BlockException.class)
                .hasMessageContaining("beyond the end");
    }

    @Test
    void aControllerWithOnePairServesAClientAndPlainCalls() {
        f.nvme.maxPairs = 1;
        f.start();
        BlockDevice disk = f.disk();
        assertThat(disk.limits().maxQueues()).isEqualTo(1);
        byte[] data = random(4096, 3);
        disk.writeBlock(0, MemorySegment.ofArray(data));
        try (DmaBuffer buffer = disk.allocate(4096);
                BlockQueue queue = disk.openQueue(QueueOptions.polled(8))) {
            queue.submit(BlockOp.READ, 0, 0, 8, buffer, 0, 42);
            queue.kick();
            disk.flush();
            disk.writeBlock(8, MemorySegment.ofArray(data));
            assertThat(Fixture.drain(queue, 1)).containsExactly("42:ok");
            assertThat(content(buffer, 4096)).isEqualTo(data);
            assertThatThrownBy(() -> disk.openQueue(QueueOptions.polled(1)))
                    .hasMessageContaining("no queue left");
        }
        disk.openQueue(QueueOptions.polled(1)).close();
    }

    @Test
    void buffersAreHeldFromSubmissionToCompletion() {
        f.start();
        int before = f.hal.liveBuffers;
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.polled(8))) {
            DmaBuffer buffer = f.disk().allocate(4096);
            int live = f.hal.liveBuffers;
            f.nvme.hold = c -> c.sq.id != 0;
            queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1);
            queue.kick();
            buffer.close();
            assertThat(f.hal.liveBuffers).isEqualTo(live);
            f.nvme.releaseHeld();
            Fixture.drain(queue, 1);
            assertThat(f.hal.liveBuffers).isEqualTo(live - 1);
        }
        assertThat(f.hal.liveBuffers).as("queue memory is given back").isEqualTo(before);
    }
}
