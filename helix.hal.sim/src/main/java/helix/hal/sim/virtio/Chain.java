package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;

/// A buffer of a virtqueue: pieces that the device reads, then pieces that it writes, already
/// translated. One object serves all buffers of a device, one after the other.
final class Chain {
    /// The most descriptors of a buffer, as QEMU has it.
    static final int LIMIT = 1024;

    private final long[] offsets = new long[LIMIT];
    private final long[] lengths = new long[LIMIT];
    private int count;
    private int readable;
    private long readableBytes;
    private long writableBytes;

    /// What the driver calls it: the head's index, or the buffer id of a packed queue.
    int id;

    /// How many entries of a packed ring it takes.
    int descriptors;

    void clear() {
        count = 0;
        readable = 0;
        readableBytes = 0;
        writableBytes = 0;
    }

    /// Adds a piece.
    ///
    /// @return false if there are too many
    boolean add(long offset, long length, boolean write) {
        if (count == LIMIT) {
            return false;
        }
        offsets[count] = offset;
        lengths[count] = length;
        count++;
        if (write) {
            writableBytes += length;
        } else {
            readable = count;
            readableBytes += length;
        }
        return true;
    }

    /// Pieces that the device reads, and all.
    int readable() {
        return readable;
    }

    int count() {
        return count;
    }

    long offset(int piece) {
        return offsets[piece];
    }

    long length(int piece) {
        return lengths[piece];
    }

    long readableBytes() {
        return readableBytes;
    }

    long writableBytes() {
        return writableBytes;
    }

    /// A byte of what the device reads.
    int byteAt(MemorySegment memory, long index) {
        long skip = index;
        for (int i = 0; i < readable; i++) {
            if (skip < lengths[i]) {
                return Wire.u8(memory, offsets[i] + skip);
            }
            skip -= lengths[i];
        }
        throw new IndexOutOfBoundsException("byte " + index + " of " + readableBytes);
    }

    /// Copies from what the device reads.
    ///
    /// @param skip where to begin
    /// @return how many bytes there were, at most `length`
    long copyOut(MemorySegment memory, long skip, MemorySegment to, long at, long length) {
        return copy(memory, 0, readable, skip, to, at, length, false);
    }

    /// Copies to what the device writes.
    ///
    /// @param skip where to begin
    /// @return how many bytes there was room for, at most `length`
    long copyIn(MemorySegment memory, long skip, MemorySegment from, long at, long length) {
        return copy(memory, readable, count, skip, from, at, length, true);
    }

    private long copy(
            MemorySegment memory,
            int first,
            int end,
            long skip,
            MemorySegment other,
            long at,
            long length,
            boolean in) {
        long left = length;
        long skipping = skip;
        long cursor = at;
        for (int i = first; i < end && left > 0; i++) {
            long has = lengths[i];
            if (skipping >= has) {
                skipping -= has;
                continue;
            }
            long now = Math.min(has - skipping, left);
            if (in) {
                MemorySegment.copy(other, cursor, memory, offsets[i] + skipping, now);
            } else {
                MemorySegment.copy(memory, offsets[i] + skipping, other, cursor, now);
            }
            cursor += now;
            left -= now;
            skipping = 0;
        }
        return length - left;
    }
}
