package helix.driver.kit;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Contents that tell where they belong: each 8 bytes follow from a seed, the block's number and
/// the position in the block.
final class Stamp {
    private static final long GOLDEN = 0x9E37_79B9_7F4A_7C15L;

    private Stamp() {}

    static void fill(
            MemorySegment memory, long offset, int blockSize, long lba, long blocks, long seed) {
        for (long b = 0; b < blocks; b++) {
            for (int i = 0; i < blockSize; i += 8) {
                memory.set(
                        ValueLayout.JAVA_LONG_UNALIGNED,
                        offset + b * blockSize + i,
                        word(lba + b, i, seed));
            }
        }
    }

    /// Throws unless the memory has what [#fill] puts there.
    static void check(
            MemorySegment memory, long offset, int blockSize, long lba, long blocks, long seed) {
        for (long b = 0; b < blocks; b++) {
            for (int i = 0; i < blockSize; i += 8) {
                long at = offset + b * blockSize + i;
                long found = memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
                long expected = word(lba + b, i, seed);
                if (found != expected) {
                    throw wrong(lba + b, i, expected, found);
                }
            }
        }
    }

    /// Throws unless the memory is zero.
    static void checkZero(MemorySegment memory, long offset, int blockSize, long lba, long blocks) {
        for (long b = 0; b < blocks; b++) {
            for (int i = 0; i < blockSize; i += 8) {
                long found =
                        memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + b * blockSize + i);
                if (found != 0) {
                    throw wrong(lba + b, i, 0, found);
                }
            }
        }
    }

    /// Whether one block has what [#fill] puts there.
    static boolean has(MemorySegment memory, long offset, int blockSize, long lba, long seed) {
        for (int i = 0; i < blockSize; i += 8) {
            if (memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + i) != word(lba, i, seed)) {
                return false;
            }
        }
        return true;
    }

    private static AssertionError wrong(long lba, int at, long expected, long found) {
        return new AssertionError(
                String.format(
                        "block %d, byte %d: expected %016x, found %016x",
                        lba, at, expected, found));
    }

    private static long word(long lba, int at, long seed) {
        long x = (seed + 1) * GOLDEN + (lba << 12) + at;
        x = (x ^ (x >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D0_49BB_1331_11EBL;
        return x ^ (x >>> 31);
    }
}
