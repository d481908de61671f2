package helix.virtio;

import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/// What is remembered of each buffer, by its id: token, writable length, how many entries it takes.
///
/// The truth is on the heap, where no device can write. Queue memory gets a copy when the queue is
/// [kept][#keep], which only the next generation reads: token and length in a word, then the count
/// in the low 16 bits of another whose other bits check both. That one is 0 for a free id.
final class Slots {
    static final int ENTRY_BYTES = 16;

    private static final int COUNT_BITS = 16;
    private static final int COUNT_MASK = (1 << COUNT_BITS) - 1;
    private static final long MIX = 0x9E37_79B9_7F4A_7C15L;

    private final MemorySegment memory;
    private final int size;

    /// Token, and from bit 32 the writable length.
    private final long[] words;

    /// The count, and from bit 16 the batch that the buffer was submitted in; 0 for a free id.
    private final long[] taken;

    private long batch = 1;
    private int inFlight;

    Slots(MemorySegment memory, int size) {
        this.memory = memory;
        this.size = size;
        words = new long[size];
        taken = new long[size];
    }

    int inFlight() {
        return inFlight;
    }

    /// Of a buffer: its token, and from bit 32 how much of it may be written.
    long word(int id) {
        return words[id];
    }

    int writable(int id) {
        return (int) (words[id] >>> 32);
    }

    /// Notes a buffer, not shown to the device yet.
    void take(int id, int token, int length, int count) {
        words[id] = Integer.toUnsignedLong(token) | (long) length << 32;
        taken[id] = count | batch << COUNT_BITS;
        inFlight++;
    }

    /// All that were taken until now are being shown to the device.
    void show() {
        batch++;
    }

    /// How many entries a buffer takes that the device may use.
    ///
    /// @param id any number
    /// @return 0 if the device has no such buffer
    int shownCount(int id) {
        if (Integer.compareUnsigned(id, size) >= 0) {
            return 0;
        }
        long state = taken[id];
        return state >>> COUNT_BITS == batch ? 0 : (int) state & COUNT_MASK;
    }

    void release(int id) {
        taken[id] = 0;
        inFlight--;
    }

    /// Writes the copy for the next generation.
    void keep() {
        for (int id = 0; id < size; id++) {
            int count = (int) taken[id] & COUNT_MASK;
            Words.i64(memory, at(id), words[id]);
            Words.i64(memory, at(id) + Long.BYTES, count == 0 ? 0 : check(words[id], count));
        }
    }

    void forEach(IntConsumer consumer) {
        for (int id = 0; id < size; id++) {
            if (taken[id] != 0) {
                consumer.accept((int) words[id]);
            }
        }
    }

    /// Reads the copy in memory, with everything taken for shown.
    ///
    /// @param segments the highest count
    void restore(int segments) {
        for (int id = 0; id < size; id++) {
            long word = Words.i64(memory, at(id));
            long checked = Words.i64(memory, at(id) + Long.BYTES);
            if (checked == 0) {
                continue;
            }
            int count = (int) checked & COUNT_MASK;
            int length = (int) (word >>> 32);
            QueueHeader.require(checked == check(word, count), "checksum of entry", id);
            QueueHeader.require(count >= 1 && count <= segments, "pieces of entry", id);
            QueueHeader.require(length >= 0, "length of entry", id);
            words[id] = word;
            taken[id] = count;
            inFlight++;
        }
    }

    /// Of a restored buffer: it was not shown yet.
    ///
    /// @return how many entries it takes
    int hide(int id) {
        int count = shownCount(id);
        QueueHeader.require(count > 0, "submitted entry", id);
        taken[id] = count | batch << COUNT_BITS;
        return count;
    }

    private long at(int id) {
        return QueueHeader.BYTES + (long) ENTRY_BYTES * id;
    }

    private static long check(long word, int count) {
        return ((word + count + 1) * MIX & -1L << COUNT_BITS) | count;
    }
}
