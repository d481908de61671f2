package helix.virtio;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/// The first bytes of a queue's memory: by these the next generation knows what it adopts. Nothing
/// here is read back in operation, so a device that writes to it only makes the adoption fail.
///
/// ```
///  0  magic                      32  bytes
///  8  layout version             40  device address of the memory
/// 12  index                      48  0
/// 16  size                       56  CRC-32C of 0..55, and its complement
/// 20  segments                   64  indexes      72  their complement
/// 24  features                   80  interrupts   88  its complement
/// ```
///
/// The indexes are four numbers of 16 bits: the next entry to fill, the first that the device has
/// not been shown, the next used one, and how many buffers are in flight. A packed queue's first
/// three have the wrap counter in bit 15.
final class QueueHeader {
    static final int BYTES = 128;

    private static final long MAGIC = 0x5152_5456_584C_4548L; // "HELXVTRQ"
    private static final int VERSION = 1;
    private static final long MAGIC_AT = 0;
    private static final long VERSION_AT = 8;
    private static final long INDEX_AT = 12;
    private static final long SIZE_AT = 16;
    private static final long SEGMENTS_AT = 20;
    private static final long FEATURES_AT = 24;
    private static final long BYTES_AT = 32;
    private static final long ADDRESS_AT = 40;
    private static final int CHECKED = 56;
    private static final long CRC_AT = 56;
    private static final long INDEXES_AT = 64;
    private static final long INTERRUPTS_AT = 80;
    private static final int USED_BYTES = 96;

    private QueueHeader() {}

    /// Writes what stays as it is.
    static void write(DmaBuffer buffer, Virtqueue.Shape shape, QueueLayout layout) {
        MemorySegment memory = buffer.segment();
        Words.i64(memory, MAGIC_AT, MAGIC);
        Words.i32(memory, VERSION_AT, VERSION);
        Words.i32(memory, INDEX_AT, shape.index());
        Words.i32(memory, SIZE_AT, shape.size());
        Words.i32(memory, SEGMENTS_AT, shape.segments());
        Words.i64(memory, FEATURES_AT, shape.features());
        Words.i64(memory, BYTES_AT, layout.bytes());
        Words.i64(memory, ADDRESS_AT, buffer.address());
        Words.i64(memory, CRC_AT, crc(memory));
    }

    /// Reads and checks all that does not depend on the format.
    static Virtqueue.Shape read(DmaBuffer buffer) {
        MemorySegment memory = buffer.segment();
        require(memory.byteSize() >= BYTES, "bytes of memory", memory.byteSize());
        require(Words.i64(memory, MAGIC_AT) == MAGIC, "magic", Words.i64(memory, MAGIC_AT));
        int version = Words.i32(memory, VERSION_AT);
        require(version == VERSION, "layout version", version);
        require(Words.i64(memory, CRC_AT) == crc(memory), "checksum", Words.i64(memory, CRC_AT));
        for (long at = USED_BYTES; at < BYTES; at += Long.BYTES) {
            require(Words.i64(memory, at) == 0, "reserved word", Words.i64(memory, at));
        }
        long address = Words.i64(memory, ADDRESS_AT);
        require(address == buffer.address(), "device address", address);
        return new Virtqueue.Shape(
                Words.i32(memory, INDEX_AT),
                Words.i32(memory, SIZE_AT),
                Words.i64(memory, FEATURES_AT),
                Words.i32(memory, SEGMENTS_AT));
    }

    static void requireBytes(DmaBuffer buffer, QueueLayout layout) {
        long bytes = Words.i64(buffer.segment(), BYTES_AT);
        require(bytes == layout.bytes(), "queue bytes", bytes);
    }

    /// Keeps the indexes.
    static void indexes(MemorySegment memory, int next, int shown, int used, int inFlight) {
        long word = next | (long) shown << 16 | (long) used << 32 | (long) inFlight << 48;
        Words.i64(memory, INDEXES_AT, word);
        Words.i64(memory, INDEXES_AT + Long.BYTES, ~word);
    }

    static long indexes(MemorySegment memory) {
        return twice(memory, INDEXES_AT, "indexes");
    }

    static void interrupts(MemorySegment memory, boolean enabled) {
        long word = enabled ? 1 : 0;
        Words.i64(memory, INTERRUPTS_AT, word);
        Words.i64(memory, INTERRUPTS_AT + Long.BYTES, ~word);
    }

    static boolean interrupts(MemorySegment memory) {
        long word = twice(memory, INTERRUPTS_AT, "interrupt state");
        require(word == 0 || word == 1, "interrupt state", word);
        return word == 1;
    }

    /// Refuses what is being adopted.
    static void require(boolean condition, String what, long value) {
        if (!condition) {
            throw new IllegalArgumentException(
                    "no intact virtqueue: " + what + " 0x" + Long.toHexString(value));
        }
    }

    private static long twice(MemorySegment memory, long offset, String what) {
        long word = Words.i64(memory, offset);
        require(Words.i64(memory, offset + Long.BYTES) == ~word, what, word);
        return word;
    }

    private static long crc(MemorySegment memory) {
        CRC32C crc = new CRC32C();
        crc.update(memory.asSlice(0, CHECKED).asByteBuffer());
        return crc.getValue() | ~crc.getValue() << 32;
    }
}
