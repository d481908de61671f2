package helix.driver.api.net;

import java.util.Objects;

/// A list of frames on their way, made once and filled again and again. A frame that is larger than
/// the pool's is in several entries, of which all but the last have [#MORE].
///
/// For one thread at a time; only the constructor allocates.
public final class Burst {
    /// The next entry belongs to the same frame.
    public static final int MORE = 1;

    /// Received: the transport checksum was found right. To be sent: it is to be computed from
    /// [#checksumStart] on and put at [#checksumOffset] behind that.
    public static final int CHECKSUM = 1 << 1;

    /// To be sent: TCP over IPv4, to be cut into pieces of [#segmentSize].
    public static final int TSO4 = 1 << 2;

    /// To be sent: TCP over IPv6, to be cut into pieces of [#segmentSize].
    public static final int TSO6 = 1 << 3;

    private final int[] frames;
    private final int[] lengths;
    private final int[] flags;

    /// Start, offset, segment size and length of headers: 16 bits each.
    private final long[] offloads;

    private int size;

    /// Makes an empty one.
    ///
    /// @param capacity the most entries
    public Burst(int capacity) {
        frames = new int[capacity];
        lengths = new int[capacity];
        flags = new int[capacity];
        offloads = new long[capacity];
    }

    /// How many entries it can have.
    ///
    /// @return as made
    public int capacity() {
        return frames.length;
    }

    /// How many entries it has.
    ///
    /// @return 0 to [#capacity()]
    public int size() {
        return size;
    }

    /// How many entries can be added.
    ///
    /// @return 0 to [#capacity()]
    public int room() {
        return frames.length - size;
    }

    /// Forgets all entries. The frames are still whose they were.
    ///
    /// @return this
    public Burst clear() {
        size = 0;
        return this;
    }

    /// Adds an entry.
    ///
    /// @param frame a frame's number in the queue's pool
    /// @param length bytes of data in it
    /// @param flag [#MORE], [#CHECKSUM] …
    /// @return this
    /// @throws IndexOutOfBoundsException if it is full
    public Burst add(int frame, int length, int flag) {
        frames[size] = frame;
        lengths[size] = length;
        flags[size] = flag;
        offloads[size] = 0;
        size++;
        return this;
    }

    /// Says of the last entry added, the first of its frame, what the device is to compute.
    ///
    /// @param start where the checksum begins, in bytes from the frame's beginning
    /// @param offset where it is put, in bytes from there
    /// @param segmentSize bytes of payload in each piece, 0 if it is not to be cut
    /// @param headers bytes of headers that each piece has, 0 if it is not to be cut
    /// @return this
    public Burst offload(int start, int offset, int segmentSize, int headers) {
        offloads[Objects.checkIndex(size - 1, frames.length)] =
                (long) headers << 48
                        | (segmentSize & 0xFFFFL) << 32
                        | (offset & 0xFFFFL) << 16
                        | (start & 0xFFFFL);
        return this;
    }

    /// Drops entries from the front, once they are somebody else's.
    ///
    /// @param count how many
    public void dropFirst(int count) {
        Objects.checkIndex(count, size + 1);
        int left = size - count;
        System.arraycopy(frames, count, frames, 0, left);
        System.arraycopy(lengths, count, lengths, 0, left);
        System.arraycopy(flags, count, flags, 0, left);
        System.arraycopy(offloads, count, offloads, 0, left);
        size = left;
    }

    /// The frame of an entry.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return its number in the pool
    public int frame(int index) {
        return frames[Objects.checkIndex(index, size)];
    }

    /// The bytes of data of an entry.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes
    public int length(int index) {
        return lengths[Objects.checkIndex(index, size)];
    }

    /// What is said of an entry.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return [#MORE], [#CHECKSUM] …
    public int flags(int index) {
        return flags[Objects.checkIndex(index, size)];
    }

    /// Where the checksum begins.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes from the frame's beginning
    public int checksumStart(int index) {
        return (int) (offloads[Objects.checkIndex(index, size)] & 0xFFFF);
    }

    /// Where the checksum is put.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes from [#checksumStart]
    public int checksumOffset(int index) {
        return (int) (offloads[Objects.checkIndex(index, size)] >>> 16 & 0xFFFF);
    }

    /// How large the pieces of a frame that is cut are.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes of payload, 0 if it is not cut
    public int segmentSize(int index) {
        return (int) (offloads[Objects.checkIndex(index, size)] >>> 32 & 0xFFFF);
    }

    /// The headers that each piece of a frame that is cut has.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes, 0 if it is not cut
    public int headers(int index) {
        return (int) (offloads[Objects.checkIndex(index, size)] >>> 48 & 0xFFFF);
    }
}
