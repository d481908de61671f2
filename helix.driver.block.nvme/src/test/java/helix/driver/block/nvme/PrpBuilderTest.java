package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PrpBuilderTest {
    private static final int PAGE = 4096;
    private static final int MAX = 8 * PAGE;
    private static final long LISTS = 0x10_0000;

    private final MemorySegment lists =
            MemorySegment.ofArray(new long[4 * PrpBuilder.listBytes(PAGE, MAX) / 8]);
    private final PrpBuilder prps = new PrpBuilder(PAGE, MAX, lists, LISTS);

    private long list(int slot, int entry) {
        long at = (long) slot * PrpBuilder.listBytes(PAGE, MAX) + 8L * entry;
        return lists.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
    }

    @Test
    void onePageNeedsPrp1Only() {
        prps.begin(0);
        assertThat(prps.add(0x5200, 0xE00)).isEqualTo(0xE00);
        assertThat(prps.prp1()).isEqualTo(0x5200);
        assertThat(prps.prp2()).isZero();
    }

    @Test
    void twoPagesNeedNoList() {
        prps.begin(0);
        prps.add(0x5200, 0x1000);
        assertThat(prps.prp1()).isEqualTo(0x5200);
        assertThat(prps.prp2()).isEqualTo(0x6000);
    }

    @Test
    void morePagesNeedAListOfThoseAfterTheFirst() {
        prps.begin(2);
        prps.add(0x5200, 3 * PAGE);
        assertThat(prps.prp2()).isEqualTo(LISTS + 2L * PrpBuilder.listBytes(PAGE, MAX));
        assertThat(List.of(list(2, 0), list(2, 1), list(2, 2)))
                .containsExactly(0x6000L, 0x7000L, 0x8000L);
    }

    @Test
    void theLargestCommandFillsItsListAndNoMore() {
        prps.begin(1);
        assertThat(prps.add(0x5200, 10L * PAGE)).isEqualTo(MAX);
        assertThat(prps.add(0x10_0000, PAGE)).isZero();
        assertThat(list(1, 7)).isEqualTo(0xD000);
        assertThat(list(2, 0)).isZero();
    }

    @Test
    void piecesJoinAtPagesOnly() {
        prps.begin(0);
        assertThat(prps.add(0x5200, 0xE00)).isEqualTo(0xE00);
        assertThat(prps.add(0x9000, 0x200)).isEqualTo(0x200);
        assertThat(prps.add(0xA000, 0x200)).as("the last ended within a page").isZero();
        prps.begin(0);
        prps.add(0x5000, PAGE);
        assertThat(prps.add(0x9200, PAGE)).as("begins within a page").isZero();
    }

    @Test
    void commandsAreCountedAsTheyAreBuilt() {
        Random random = new Random(1);
        DmaBuffer buffer =
                new DmaBuffer(MemorySegment.ofArray(new byte[1 << 20]), 1 << 20, this, b -> {});
        for (int round = 0; round < 2000; round++) {
            ScatterList pieces = new ScatterList(20);
            int count = 1 + random.nextInt(20);
            for (int i = 0; i < count; i++) {
                long unit = random.nextBoolean() ? 512 : PAGE;
                pieces.add(buffer, unit * random.nextInt(100), unit * (1 + random.nextInt(20)));
            }
            List<Long> sizes = new ArrayList<>();
            prps.begin(0);
            for (int i = 0; i < pieces.size(); i++) {
                long address = pieces.address(i);
                long left = pieces.length(i);
                while (left > 0) {
                    long taken = prps.add(address, left);
                    if (taken == 0) {
                        sizes.add(prps.bytes());
                        prps.begin(0);
                    }
                    address += taken;
                    left -= taken;
                }
            }
            sizes.add(prps.bytes());
            assertThat(sizes).hasSize(prps.commands(pieces));
            assertThat(sizes.stream().mapToLong(Long::longValue).sum()).isEqualTo(pieces.bytes());
        }
    }

    @Test
    void limitsFollowFromTheController() {
        var caps = NvmeRegisters.Capabilities.of(0x0000_0020_0101_07FFL);
        Geometry g = Geometry.of(caps, PAGE, 7);
        assertThat(g.commandBytes()).isEqualTo(512 * 1024);
        assertThat(g.maxTransferBytes()).isEqualTo(1 << 20);
        assertThat(g.submissionEntries(g.commandSlots(g.maxDepth()))).isLessThanOrEqualTo(2048);
        assertThat(Geometry.of(caps, PAGE, 1).splits()).isEqualTo(128);
        for (int mqes = 1; mqes < 100; mqes++) {
            Geometry small =
                    Geometry.of(
                            NvmeRegisters.Capabilities.of(0x0000_0020_0101_0000L | mqes), PAGE, 1);
            int slots = small.commandSlots(small.maxDepth());
            assertThat(small.submissionEntries(slots)).isLessThanOrEqualTo(mqes + 1);
            assertThat(small.completionEntries(slots)).isBetween(slots + 1, mqes + 1);
            assertThat(small.splits() + small.maxSegments() - 1).isLessThanOrEqualTo(slots);
        }
        assertThat(Geometry.writeZeroesBlocks(caps, 0, 9)).isEqualTo(65536);
        assertThat(Geometry.writeZeroesBlocks(caps, 3, 9)).isEqualTo(64);
        assertThat(Geometry.writeZeroesBlocks(caps, 60, 9)).isEqualTo(65536);
    }
}
