package helix.hal.sim;

import java.util.Arrays;

/// The bytes of a function's config space and what a write changes of them: bits are read-only
/// unless declared writable, or cleared by writing ones. Little endian. Not thread-safe.
final class ConfigImage {
    /// Bytes that ECAM reaches of a function. PCI Express Base 6.0, section 7.2.2.
    static final int SIZE = 4096;

    private final byte[] value = new byte[SIZE];
    private final byte[] writable = new byte[SIZE];
    private final byte[] clearable = new byte[SIZE];
    private byte[] initial = new byte[0];

    /// Checks an access.
    ///
    /// @throws IllegalArgumentException if it is none that a processor can make
    static void check(int bus, int devfn, int offset, int width) {
        boolean widthFits = width == 1 || width == 2 || width == 4;
        if (!widthFits
                || ((bus | devfn) & ~0xFF) != 0
                || offset < 0
                || offset > SIZE - width
                || offset % width != 0) {
            throw new IllegalArgumentException(
                    "no config access: bus=%x devfn=%x offset=0x%x width=%d"
                            .formatted(bus, devfn, offset, width));
        }
    }

    /// All ones of a width.
    static int ones(int width) {
        return -1 >>> (32 - 8 * width);
    }

    /// Sets bytes, whatever a driver may write there.
    ConfigImage put(int offset, int width, int bytes) {
        for (int i = 0; i < width; i++) {
            value[offset + i] = (byte) (bytes >>> (8 * i));
        }
        return this;
    }

    /// Sets many bytes.
    ConfigImage put(int offset, byte[] bytes) {
        System.arraycopy(bytes, 0, value, offset, bytes.length);
        return this;
    }

    /// Lets a driver write bits.
    ConfigImage writable(int offset, int width, int mask) {
        for (int i = 0; i < width; i++) {
            writable[offset + i] = (byte) (mask >>> (8 * i));
        }
        return this;
    }

    /// Lets a driver clear bits by writing ones.
    ConfigImage clearable(int offset, int width, int mask) {
        for (int i = 0; i < width; i++) {
            clearable[offset + i] = (byte) (mask >>> (8 * i));
        }
        return this;
    }

    /// What is there now is what a reset brings back.
    void seal() {
        initial = value.clone();
    }

    /// Brings the initial values back.
    void reset() {
        System.arraycopy(initial, 0, value, 0, SIZE);
    }

    /// Reads bytes, zero-extended.
    int read(int offset, int width) {
        int bytes = 0;
        for (int i = 0; i < width; i++) {
            bytes |= (value[offset + i] & 0xFF) << (8 * i);
        }
        return bytes;
    }

    /// Sets and clears bits, whatever a driver may write there.
    void update(int offset, int width, int clear, int set) {
        put(offset, width, (read(offset, width) & ~clear) | set);
    }

    /// A driver's write.
    void write(int offset, int width, int bytes) {
        for (int i = 0; i < width; i++) {
            int at = offset + i;
            int now = bytes >>> (8 * i);
            int next = (value[at] & ~writable[at]) | (now & writable[at]);
            value[at] = (byte) (next & ~(now & clearable[at]));
        }
    }

    @Override
    public String toString() {
        return Arrays.toString(Arrays.copyOf(value, 64));
    }
}
