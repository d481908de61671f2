package helix.shell.blk.soak;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/// What stands in each block, little endian:
///
/// ```
///  0  CRC-32C of all that follows      4 bytes
///  4  writer                           4
///  8  magic number                     8
/// 16  number of the run                8
/// 24  number of the block              8
/// 32  sequence number of the write     8
/// 40  words made from run, block and sequence number
/// ```
///
/// An object is one thread's; it allocates nothing once made.
final class Stamp {
    /// What was found is not of this run.
    static final int FOREIGN = 0;

    /// The checksum does not fit: part of the block is from elsewhere.
    static final int TORN = 1;

    /// Another block's contents, or another writer's.
    static final int MISPLACED = 2;

    /// This block's, from the write [#sequence()].
    static final int VALID = 3;

    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long MAGIC = 0x4B41_4F53_5849_4C45L;
    private static final int CRC = 0;
    private static final int WRITER = 4;
    private static final int MAGIC_AT = 8;
    private static final int RUN = 16;
    private static final int LBA = 24;
    private static final int SEQUENCE = 32;
    private static final int PAYLOAD = 40;
    private static final long STEP = 0x9E37_79B9_7F4A_7C15L;

    private final MemorySegment memory;

    /// The same bytes as [#memory], as a checksum wants them.
    private final ByteBuffer view;

    private final int blockSize;
    private final long run;
    private final CRC32C crc = new CRC32C();

    /// Works in a piece of memory.
    ///
    /// @param memory native memory below 2 GiB
    /// @param blockSize bytes of a block
    /// @param run the run's number, which no other run had on this disk
    Stamp(MemorySegment memory, int blockSize, long run) {
        this.memory = memory;
        this.view = memory.asByteBuffer();
        this.blockSize = blockSize;
        this.run = run;
    }

    /// Fills a block.
    void write(long at, int writer, long lba, long sequence) {
        memory.set(INT, at + WRITER, writer);
        memory.set(LONG, at + MAGIC_AT, MAGIC);
        memory.set(LONG, at + RUN, run);
        memory.set(LONG, at + LBA, lba);
        memory.set(LONG, at + SEQUENCE, sequence);
        long word = mix(run + mix(lba + mix(sequence)));
        for (long i = PAYLOAD; i < blockSize; i += Long.BYTES) {
            memory.set(LONG, at + i, word);
            word += STEP;
        }
        memory.set(INT, at + CRC, checksum(at));
    }

    /// Looks at a block.
    ///
    /// @return [#FOREIGN], [#TORN], [#MISPLACED] or [#VALID]
    int read(long at, int writer, long lba) {
        if (memory.get(LONG, at + MAGIC_AT) != MAGIC || memory.get(LONG, at + RUN) != run) {
            return FOREIGN;
        }
        if (memory.get(INT, at + CRC) != checksum(at)) {
            return TORN;
        }
        return lbaAt(at) == lba && memory.get(INT, at + WRITER) == writer ? VALID : MISPLACED;
    }

    long sequenceAt(long at) {
        return memory.get(LONG, at + SEQUENCE);
    }

    long lbaAt(long at) {
        return memory.get(LONG, at + LBA);
    }

    private int checksum(long at) {
        crc.reset();
        view.limit((int) at + blockSize).position((int) at + WRITER);
        crc.update(view);
        return (int) crc.getValue();
    }

    /// The finisher of splitmix64: each bit of the result depends on each of the argument.
    private static long mix(long value) {
        long z = value + STEP;
        z = (z ^ (z >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D0_49BB_1331_11EBL;
        return z ^ (z >>> 31);
    }
}
