package helix.virtio;

/// The buffer that is being described: how many of its pieces are still to come, and what it adds
/// up to. Wrong calls are the driver's mistakes and throw.
final class Pieces {
    private static final long MAX_BYTES = 1L << 32;

    /// How many are to come; negative if no buffer was begun.
    private int left = -1;

    private long writable;
    private long readable;

    /// Begins anew; an unfinished buffer is forgotten.
    void begin(int pieces, int most) {
        if (pieces < 1 || pieces > most) {
            forget();
            throw new IllegalArgumentException(pieces + " pieces not in 1.." + most);
        }
        left = pieces;
        writable = 0;
        readable = 0;
    }

    /// There is no buffer begun.
    void forget() {
        left = -1;
    }

    /// Counts a piece that the device reads.
    ///
    /// @return whether another one follows
    boolean read(int length) {
        if (left <= 0 || length <= 0 || writable != 0) {
            throw wrong(length);
        }
        readable += length;
        return --left > 0;
    }

    /// Counts a piece that the device writes.
    ///
    /// @return whether another one follows
    boolean write(int length) {
        if (left <= 0 || length <= 0) {
            throw wrong(length);
        }
        writable += length;
        return --left > 0;
    }

    /// There is a buffer of one piece, and it is whole.
    void one(int length) {
        forget();
        if (length <= 0) {
            throw wrong(length);
        }
    }

    /// Ends the buffer.
    ///
    /// @return how many bytes the device may write
    int end() {
        // 2.7.5.1: a chain is at most 2^32 bytes long.
        if (left != 0 || writable > Integer.MAX_VALUE || writable + readable > MAX_BYTES) {
            throw unfinished();
        }
        left = -1;
        return (int) writable;
    }

    private IllegalStateException unfinished() {
        String what =
                left < 0
                        ? "no buffer begun"
                        : left
                                + " pieces missing, "
                                + readable
                                + " bytes to be read and "
                                + writable
                                + " to be written";
        forget();
        return new IllegalStateException(what);
    }

    private IllegalArgumentException wrong(int length) {
        forget();
        return new IllegalArgumentException(
                "piece of "
                        + length
                        + " bytes: not begun, not positive, or to be read after one that is"
                        + " written");
    }
}
