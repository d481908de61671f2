package helix.hal.vhostuser;

/// A function's config space as bytes with a mask of those bits that software may change.
final class ConfigBytes {
    static final int SIZE = 256;

    private final byte[] bytes = new byte[SIZE];
    private final byte[] writable = new byte[SIZE];

    ConfigBytes put8(int offset, int value) {
        bytes[offset] = (byte) value;
        return this;
    }

    ConfigBytes put16(int offset, int value) {
        return put8(offset, value).put8(offset + 1, value >>> 8);
    }

    ConfigBytes put32(int offset, int value) {
        return put16(offset, value).put16(offset + 2, value >>> 16);
    }

    ConfigBytes writable(int offset, int width, int mask) {
        for (int i = 0; i < width; i++) {
            writable[offset + i] = (byte) (mask >>> (8 * i));
        }
        return this;
    }

    synchronized int read(int offset, int width) {
        int value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = (value << 8) | (bytes[offset + i] & 0xFF);
        }
        return value;
    }

    synchronized void write(int offset, int width, int value) {
        for (int i = 0; i < width; i++) {
            int mask = writable[offset + i];
            int old = bytes[offset + i];
            bytes[offset + i] = (byte) ((old & ~mask) | ((value >>> (8 * i)) & mask));
        }
    }
}
