package helix.driver.block.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// I/O Command Set data structure, Identify CNS 1Ch: 512 combinations of command sets, each a
/// vector of 64 bits. Base 2.0, section 5.17.2.21.
final class CommandSets {
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int COMBINATIONS = 512;

    /// The bit of the NVM command set.
    private static final long NVM = 1;

    private CommandSets() {}

    /// The combination to select: of those with the NVM command set, the one with the most others.
    ///
    /// @return its index, -1 if there is none
    static int select(MemorySegment data) {
        int best = -1;
        int bestCount = 0;
        for (int i = 0; i < COMBINATIONS; i++) {
            long sets = data.get(LONG, (long) i * Long.BYTES);
            if ((sets & NVM) != 0 && Long.bitCount(sets) > bestCount) {
                best = i;
                bestCount = Long.bitCount(sets);
            }
        }
        return best;
    }
}
