package helix.hal.api;

/// What DMA memory must be like.
///
/// @param size bytes, at least 1
/// @param alignment the device address is a multiple of this power of two
/// @param boundary the memory does not cross a multiple of this power of two; 0 for no such limit
/// @param addressBits the device addresses that the device can form, 12 to 64
/// @param numaNode where it should be, -1 for anywhere; a wish
public record DmaRequest(long size, long alignment, long boundary, int addressBits, int numaNode) {
    /// Checks the ranges.
    public DmaRequest {
        if (size < 1) {
            throw new IllegalArgumentException("DMA memory of " + size + " bytes");
        }
        if (Long.bitCount(alignment) != 1) {
            throw new IllegalArgumentException("alignment " + alignment + " is no power of two");
        }
        if (boundary != 0 && (Long.bitCount(boundary) != 1 || boundary < size)) {
            throw new IllegalArgumentException(
                    "boundary " + boundary + " is no power of two of at least " + size + " bytes");
        }
        if (addressBits < 12 || addressBits > 64) {
            throw new IllegalArgumentException("address bits " + addressBits + " not in 12..64");
        }
    }

    /// Memory anywhere, aligned to 4 KiB pages.
    ///
    /// @param size bytes, at least 1
    /// @return the request
    public static DmaRequest pages(long size) {
        return new DmaRequest(size, 4096, 0, 64, -1);
    }

    /// Memory anywhere with an alignment.
    ///
    /// @param size bytes, at least 1
    /// @param alignment a power of two
    /// @return the request
    public static DmaRequest of(long size, long alignment) {
        return new DmaRequest(size, alignment, 0, 64, -1);
    }
}
