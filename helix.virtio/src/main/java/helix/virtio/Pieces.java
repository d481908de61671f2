package helix.virtio;

/// The buffer that is being described: how many of its pieces are still to come, and what it adds
/// up to. Wrong calls are the driver's mistakes and throw.
final class Pieces {
    private static final long MAX_BYTES = 1L << 32;

    private int left;
    private boolean writes;
    private boolean open;
    private int writable;
    private long bytes;

    /// Begins anew; an unfinished buffer is forgotten.
    void begin(int pieces, int most) {
        if (pieces < 1 || pieces > most) {
            throw new IllegalArgumentException(pieces + " pieces not in 1.." + most);
        }
        left = pieces;
        open = true;
        writes = false;
        writable = 0;
        bytes = 0;
    }

    /// There is no buffer begun.
    void forget() {
        left = 0;
        open = false;
    }

    /// Counts a piece.
    ///
    /// @return whether another one follows
    boolean add(int length, boolean write) {
        if (left == 0 || length <= 0 || (writes && !write)) {
            throw wrong(length);
        }
        if (write) {
            writes = true;
            writable += length;
            if (writable < 0) {
                throw wrong(length);
            }
        }
        bytes += length;
        return --left > 0;
    }

    /// Ends the buffer.
    ///
    /// @return how many bytes the device may write
    int end() {
        // 2.7.5.1: a chain is at most 2^32 bytes long.
        if (!open || left != 0 || bytes > MAX_BYTES) {
            throw new IllegalStateException(
                    !open ? "no buffer begun" : left + " pieces missing of " + bytes + " bytes");
        }
        open = false;
        return writable;
    }

    private IllegalArgumentException wrong(int length) {
        forget();
        return new IllegalArgumentException(
                "piece of "
                        + length
                        + " bytes: not begun, not positive, too much, or to be read after one that"
                        + " is written");
    }
}
