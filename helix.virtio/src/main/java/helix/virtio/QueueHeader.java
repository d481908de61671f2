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
/// 20  segments                   64  next entry, first not shown, and their complements
/// 24  features                   72  next used, interrupts on, and their complements
/// ```
///
/// The words from 64 to 79 and the bookkeeping of entries are written when a queue is kept for the
/// next generation. The first of them is 0 from the next change on: nobody goes on from what is
/// old.
///
/// Of the indexes, each has 16 bits; a packed queue's have the wrap counter in bit 15. What is in
/// flight lies between the next used entry and the next one to fill.
final class QueueHeader {
    static final int BYTES = 128;

    private static final long MAGIC = 0x5152_5456_584C_4548L; // "HELXVTRQ"

    /// Version 2: a packed queue with indirect descriptors may have buffers of several entries.
    private static final int VERSION = 2;

    /// What version 1 allows, version 2 does too.
    private static final int OLDEST = 1;

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
    private static final long SHOWN_AT = 64;
    private static final long USED_AT = 72;
    private static final int END = 80;

    private QueueHeader() {}

    /// Writes what stays as it is.
    static void write(
            MemorySegment memory, long address, Virtqueue.Shape shape, QueueLayout layout) {
        Words.i64(memory, MAGIC_AT, MAGIC);
        Words.i32(memory, VERSION_AT, VERSION);
        Words.i32(memory, INDEX_AT, shape.index());
        Words.i32(memory, SIZE_AT, shape.size());
        Words.i32(memory, SEGMENTS_AT, shape.segments());
        Words.i64(memory, FEATURES_AT, shape.features());
        Words.i64(memory, BYTES_AT, layout.bytes());
        Words.i64(memory, ADDRESS_AT, address);
        Words.i64(memory, CRC_AT, crc(memory));
    }

    /// Makes a header of an older layout, which was adopted, one of this: what is kept after it may
    /// be what the older does not allow.
    static void renew(
            MemorySegment memory, long address, Virtqueue.Shape shape, QueueLayout layout) {
        if (Words.i32(memory, VERSION_AT) == OLDEST) {
            write(memory, address, shape, layout);
        }
    }

    /// Reads and checks all that does not depend on the format.
    static Virtqueue.Shape read(DmaBuffer buffer) {
        MemorySegment memory = buffer.segment();
        require(memory.byteSize() >= BYTES, "bytes of memory", memory.byteSize());
        require(Words.i64(memory, MAGIC_AT) == MAGIC, "magic", Words.i64(memory, MAGIC_AT));
        int version = Words.i32(memory, VERSION_AT);
        require(version >= OLDEST && version <= VERSION, "layout version", version);
        require(Words.i64(memory, CRC_AT) == crc(memory), "checksum", Words.i64(memory, CRC_AT));
        for (long at = END; at < BYTES; at += Long.BYTES) {
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

    /// Keeps how far the driver is.
    ///
    /// @param next the next entry to fill
    /// @param shown the first that the device was not shown
    static void submitted(MemorySegment memory, int next, int shown) {
        Words.i64(memory, SHOWN_AT, twice(next | shown << 16));
    }

    /// What was kept does not count any more.
    static void outdate(MemorySegment memory) {
        Words.i64(memory, SHOWN_AT, 0);
    }

    static int submitted(MemorySegment memory) {
        return once(memory, SHOWN_AT, "indexes of what is submitted");
    }

    /// Keeps how far the device was followed.
    ///
    /// @param used the next used entry
    /// @param interrupts 1 if they are on, else 0
    static void used(MemorySegment memory, int used, int interrupts) {
        Words.i64(memory, USED_AT, twice(used | interrupts << 16));
    }

    static int used(MemorySegment memory) {
        int word = once(memory, USED_AT, "index of what is used");
        require(word >>> 16 <= 1, "interrupt state", word >>> 16);
        return word;
    }

    /// Refuses what is being adopted.
    static void require(boolean condition, String what, long value) {
        if (!condition) {
            throw new IllegalArgumentException(
                    "no intact virtqueue: " + what + " 0x" + Long.toHexString(value));
        }
    }

    private static long twice(int word) {
        return Integer.toUnsignedLong(word) | (long) ~word << 32;
    }

    private static int once(MemorySegment memory, long offset, String what) {
        long word = Words.i64(memory, offset);
        require(word == twice((int) word), what, word);
        return (int) word;
    }

    private static long crc(MemorySegment memory) {
        CRC32C crc = new CRC32C();
        crc.update(memory.asSlice(0, CHECKED).asByteBuffer());
        return crc.getValue() | ~crc.getValue() << 32;
    }
}
