package helix.driver.api.block;

import helix.hal.api.DmaBuffer;
import java.util.Objects;

/// Pieces of memory for one request, in order. Made once and filled again and again; not for
/// several threads.
public final class ScatterList {
    private final DmaBuffer[] buffers;
    private final long[] offsets;
    private final long[] lengths;
    private int size;
    private long bytes;

    /// Makes an empty list.
    ///
    /// @param capacity the most pieces it holds
    public ScatterList(int capacity) {
        buffers = new DmaBuffer[capacity];
        offsets = new long[capacity];
        lengths = new long[capacity];
    }

    /// Adds a piece.
    ///
    /// @param buffer the memory
    /// @param offset where it begins
    /// @param length its size in bytes, at least 1
    /// @return this list
    /// @throws IndexOutOfBoundsException if the piece is not within the buffer
    /// @throws IllegalStateException if the list is full
    public ScatterList add(DmaBuffer buffer, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, buffer.size());
        if (size == buffers.length) {
            throw new IllegalStateException("scatter list is full: capacity=" + buffers.length);
        }
        buffers[size] = buffer;
        offsets[size] = offset;
        lengths[size] = length;
        size++;
        bytes += length;
        return this;
    }

    /// Forgets all pieces.
    ///
    /// @return this list
    public ScatterList clear() {
        for (int i = 0; i < size; i++) {
            buffers[i] = null;
        }
        size = 0;
        bytes = 0;
        return this;
    }

    /// How many pieces there are.
    ///
    /// @return 0 or more
    public int size() {
        return size;
    }

    /// How many bytes there are in all.
    ///
    /// @return 0 or more
    public long bytes() {
        return bytes;
    }

    /// The memory of a piece.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return its buffer
    public DmaBuffer buffer(int index) {
        return buffers[Objects.checkIndex(index, size)];
    }

    /// Where a piece begins in its buffer.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes
    public long offset(int index) {
        return offsets[Objects.checkIndex(index, size)];
    }

    /// How long a piece is.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return bytes
    public long length(int index) {
        return lengths[Objects.checkIndex(index, size)];
    }

    /// The device address of a piece.
    ///
    /// @param index 0 to [#size()] - 1
    /// @return an address on the device's side
    public long address(int index) {
        return buffer(index).address() + offsets[index];
    }
}
