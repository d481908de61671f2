package helix.shell.blk.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import helix.driver.kit.MemoryBlockDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PatternTest {
    private static final int BLOCK = 4096;
    private static final int BLOCKS = 2048;

    private final MemoryBlockDevice device = new MemoryBlockDevice(BLOCK, BLOCKS);
    private final Pattern pattern = new Pattern(7);

    @AfterEach
    void nothingIsLeft() {
        assertThat(device.queuesOpen()).isZero();
        assertThat(device.buffersInUse()).isZero();
    }

    private void fill(Pattern with, long lba, long blocks) {
        with.fill(device, lba, blocks, Progress.NONE, CancelSignal.NEVER);
    }

    private Pattern.Verification verify(long lba, long blocks) {
        return pattern.verify(device, lba, blocks, Progress.NONE, CancelSignal.NEVER);
    }

    @Test
    void whatWasFilledVerifiesAlsoAfterAPowerCut() {
        fill(pattern, 0, BLOCKS);
        device.powerCut();
        Pattern.Verification result = verify(0, BLOCKS);
        assertThat(result.blocks()).isEqualTo(BLOCKS);
        assertThat(result.wrong()).isZero();
        assertThat(result.mismatches()).isEmpty();
    }

    @Test
    void onlyTheRangeIsWritten() {
        fill(pattern, 10, 5);
        assertThat(verify(9, 7).wrong()).isEqualTo(2);
        assertThat(verify(9, 7).mismatches())
                .extracting(Pattern.Mismatch::lba)
                .containsExactly(9L, 15L);
    }

    @Test
    void aFlippedBitIsFoundWhereItIs() {
        fill(pattern, 0, BLOCKS);
        long at = 1234L * BLOCK + 100;
        byte right = device.contents().get(ValueLayout.JAVA_BYTE, at);
        device.contents().set(ValueLayout.JAVA_BYTE, at, (byte) (right ^ 8));

        Pattern.Verification result = verify(0, BLOCKS);
        assertThat(result.wrong()).isEqualTo(1);
        Pattern.Mismatch mismatch = result.mismatches().getFirst();
        assertThat(mismatch.lba()).isEqualTo(1234);
        assertThat(mismatch.offset()).isEqualTo(96);
        assertThat(mismatch.expected()).isNotEqualTo(mismatch.found()).hasSize(16);
        assertThat(mismatch.looksLike()).isEmpty();
    }

    @Test
    void blocksThatBelongElsewhereAreNamed() {
        fill(pattern, 0, BLOCKS);
        MemorySegment contents = device.contents();
        MemorySegment.copy(contents, 50L * BLOCK, contents, 60L * BLOCK, BLOCK);
        contents.asSlice(70L * BLOCK, BLOCK).fill((byte) 0);
        fill(new Pattern(8), 80, 1);

        assertThat(verify(0, BLOCKS).mismatches())
                .extracting(Pattern.Mismatch::looksLike)
                .containsExactly("block 50 of seed 7", "zeroes", "block 80 of seed 8");
    }

    @Test
    void theFirstMismatchesAreReportedAndAllAreCounted() {
        Pattern.Verification result = verify(0, BLOCKS);
        assertThat(result.wrong()).isEqualTo(BLOCKS);
        assertThat(result.mismatches())
                .hasSize(16)
                .extracting(Pattern.Mismatch::lba)
                .startsWith(0L, 1L, 2L)
                .endsWith(15L);
    }

    @Test
    void blocksBeyondTheEndAreRefused() {
        assertThatThrownBy(() -> fill(pattern, BLOCKS - 1, 2))
                .isInstanceOf(BlockException.class)
                .hasMessage("2 blocks at 2047 of a disk of 2048 blocks: beyond the end");
    }
}
