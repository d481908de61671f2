package helix.shell.blk.engine;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/// Contents that tell where they belong: each block begins with its number and the seed, and the
/// rest follows from these two. A block that is elsewhere, old or half written is found and named.
///
/// @param seed tells fillings apart
public record Pattern(long seed) {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final int MOST_REPORTED = 16;
    private static final long GOLDEN = 0x9E37_79B9_7F4A_7C15L;

    /// What verifying found.
    ///
    /// @param blocks blocks that were read
    /// @param wrong blocks with wrong contents
    /// @param mismatches the first of them that were found, by block number
    public record Verification(long blocks, long wrong, List<Mismatch> mismatches) {}

    /// A block with wrong contents.
    ///
    /// @param lba its number
    /// @param offset the first wrong byte in it, rounded down to 8
    /// @param expected 8 bytes in hex
    /// @param found 8 bytes in hex
    /// @param looksLike what the block holds instead, empty if unknown
    public record Mismatch(long lba, int offset, String expected, String found, String looksLike) {}

    /// Writes the pattern to blocks and makes it durable.
    ///
    /// @param device what to write
    /// @param lba the first block
    /// @param blocks how many
    /// @param progress told how far it is
    /// @param cancel asked whether to end early
    /// @throws BlockException if the blocks are beyond the end or could not be written
    /// @throws java.util.concurrent.CancellationException if cancelled
    public void fill(
            BlockDevice device, long lba, long blocks, Progress progress, CancelSignal cancel) {
        checkRange(device, lba, blocks);
        int blockSize = device.blockSize();
        try (Pipeline pipeline = new Pipeline(device)) {
            pipeline.run(BlockOp.WRITE, lba, blocks, c -> stamp(c, blockSize), progress, cancel);
            pipeline.flush(cancel);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Reads blocks and compares them with the pattern.
    ///
    /// @param device what to read
    /// @param lba the first block
    /// @param blocks how many
    /// @param progress told how far it is
    /// @param cancel asked whether to end early
    /// @return what was found
    /// @throws BlockException if the blocks are beyond the end or could not be read
    /// @throws java.util.concurrent.CancellationException if cancelled
    public Verification verify(
            BlockDevice device, long lba, long blocks, Progress progress, CancelSignal cancel) {
        checkRange(device, lba, blocks);
        int blockSize = device.blockSize();
        Checker checker = new Checker(blockSize);
        try (Pipeline pipeline = new Pipeline(device)) {
            pipeline.run(BlockOp.READ, lba, blocks, checker::check, progress, cancel);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        checker.mismatches.sort(Comparator.comparingLong(Mismatch::lba));
        return new Verification(blocks, checker.wrong, List.copyOf(checker.mismatches));
    }

    private static void checkRange(BlockDevice device, long lba, long blocks) {
        long total = device.totalBlocks();
        if (lba < 0 || blocks < 0 || blocks > total || lba > total - blocks) {
            throw new BlockException(
                    blocks + " blocks at " + lba + " of a disk of " + total + " blocks",
                    BlockStatus.OUT_OF_RANGE);
        }
    }

    private void stamp(Pipeline.Chunk chunk, int blockSize) {
        for (int b = 0; b < chunk.blocks(); b++) {
            long at = (long) b * blockSize;
            for (int i = 0; i < blockSize; i += Long.BYTES) {
                chunk.memory().set(WORD, at + i, word(chunk.lba() + b, i, seed));
            }
        }
    }

    private static long word(long lba, int offset, long seed) {
        if (offset == 0) {
            return lba;
        }
        if (offset == Long.BYTES) {
            return seed;
        }
        long x = (seed + 1) * GOLDEN + (lba << 13) + offset;
        x = (x ^ (x >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D0_49BB_1331_11EBL;
        return x ^ (x >>> 31);
    }

    /// Offset of the first word of a block that differs, the block size if none does.
    private static int firstDifference(
            MemorySegment memory, long at, int blockSize, long lba, long seed) {
        int i = 0;
        while (i < blockSize && memory.get(WORD, at + i) == word(lba, i, seed)) {
            i += Long.BYTES;
        }
        return i;
    }

    /// Compares chunks and keeps what is wrong.
    private final class Checker {
        private final int blockSize;
        private final List<Mismatch> mismatches = new ArrayList<>();
        private long wrong;

        Checker(int blockSize) {
            this.blockSize = blockSize;
        }

        void check(Pipeline.Chunk chunk) {
            for (int b = 0; b < chunk.blocks(); b++) {
                long at = (long) b * blockSize;
                long lba = chunk.lba() + b;
                int offset = firstDifference(chunk.memory(), at, blockSize, lba, seed);
                if (offset < blockSize) {
                    wrong++;
                    report(chunk.memory(), at, lba, offset);
                }
            }
        }

        /// Chunks come in any order; a lower block takes the place of the highest one.
        private void report(MemorySegment memory, long at, long lba, int offset) {
            if (mismatches.size() == MOST_REPORTED) {
                mismatches.sort(Comparator.comparingLong(Mismatch::lba));
                if (mismatches.getLast().lba() < lba) {
                    return;
                }
                mismatches.removeLast();
            }
            mismatches.add(
                    new Mismatch(
                            lba,
                            offset,
                            hex(word(lba, offset, seed)),
                            hex(memory.get(WORD, at + offset)),
                            looksLike(memory, at)));
        }

        private String looksLike(MemorySegment memory, long at) {
            long lba = memory.get(WORD, at);
            long other = memory.get(WORD, at + Long.BYTES);
            if (firstDifference(memory, at, blockSize, lba, other) == blockSize) {
                return "block " + lba + " of seed " + other;
            }
            for (int i = 0; i < blockSize; i += Long.BYTES) {
                if (memory.get(WORD, at + i) != 0) {
                    return "";
                }
            }
            return "zeroes";
        }

        /// In the order of the bytes on the medium.
        private static String hex(long word) {
            return HexFormat.of().toHexDigits(Long.reverseBytes(word));
        }
    }
}
