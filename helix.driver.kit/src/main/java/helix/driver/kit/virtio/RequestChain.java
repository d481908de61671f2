package helix.driver.kit.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// A buffer as the device sees it: what it may read, then what it may write.
public final class RequestChain {
    /// A piece of contiguous memory.
    ///
    /// @param address its device address
    /// @param bytes the memory
    /// @param writable whether the device writes it, else it reads it
    public record Piece(long address, MemorySegment bytes, boolean writable) {}

    private final int id;
    private final int descriptors;
    private final List<Piece> pieces;

    /// @param descriptors how many ring entries it takes
    RequestChain(int id, int descriptors, List<Piece> pieces) {
        this.id = id;
        this.descriptors = descriptors;
        this.pieces = List.copyOf(pieces);
    }

    /// What the driver calls it.
    ///
    /// @return a head's index or a buffer id
    public int id() {
        return id;
    }

    int descriptors() {
        return descriptors;
    }

    /// Its pieces in order.
    ///
    /// @return readable ones first
    public List<Piece> pieces() {
        return pieces;
    }

    /// How much the device may read.
    ///
    /// @return bytes
    public long readableBytes() {
        return bytes(false);
    }

    /// How much the device may write.
    ///
    /// @return bytes
    public long writableBytes() {
        return bytes(true);
    }

    /// Reads from the readable pieces, as if they were one.
    ///
    /// @param offset where to begin
    /// @param length how many bytes
    /// @return a copy
    public byte[] read(long offset, int length) {
        byte[] bytes = new byte[length];
        copy(false, offset, MemorySegment.ofArray(bytes));
        return bytes;
    }

    /// Reads all that is readable.
    ///
    /// @return a copy
    public byte[] read() {
        return read(0, Math.toIntExact(readableBytes()));
    }

    /// Reads from the readable pieces, as if they were one.
    ///
    /// @param offset where to begin
    /// @param to is filled
    public void read(long offset, MemorySegment to) {
        copy(false, offset, to);
    }

    /// Writes to the writable pieces, as if they were one.
    ///
    /// @param offset where to begin
    /// @param bytes what to write
    public void write(long offset, byte[] bytes) {
        copy(true, offset, MemorySegment.ofArray(bytes));
    }

    /// Writes to the writable pieces, as if they were one.
    ///
    /// @param offset where to begin
    /// @param from what to write
    public void write(long offset, MemorySegment from) {
        copy(true, offset, from);
    }

    private long bytes(boolean writable) {
        return pieces.stream()
                .filter(piece -> piece.writable == writable)
                .mapToLong(piece -> piece.bytes.byteSize())
                .sum();
    }

    private void copy(boolean write, long offset, MemorySegment other) {
        long skip = offset;
        long done = 0;
        for (Piece piece : pieces) {
            if (piece.writable != write) {
                continue;
            }
            long size = piece.bytes.byteSize();
            long count = Math.min(size - skip, other.byteSize() - done);
            if (count > 0) {
                MemorySegment from = write ? other : piece.bytes;
                MemorySegment to = write ? piece.bytes : other;
                MemorySegment.copy(
                        from,
                        ValueLayout.JAVA_BYTE,
                        write ? done : skip,
                        to,
                        ValueLayout.JAVA_BYTE,
                        write ? skip : done,
                        count);
                done += count;
            }
            skip = Math.max(0, skip - size);
        }
        if (done < other.byteSize()) {
            throw new AssertionError(
                    (write ? "writable" : "readable")
                            + " bytes end before "
                            + offset
                            + " + "
                            + other.byteSize()
                            + " in "
                            + pieces);
        }
    }
}
