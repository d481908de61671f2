package helix.hal.sim.virtio;

import java.util.Arrays;

/// A device's own configuration: little-endian fields, each to be accessed by its own width, 64-bit
/// ones as two halves. VIRTIO 1.2, sections 2.5 and 4.1.3.1.
final class ConfigSpace {
    private final byte[] bytes;
    private final byte[] widths;

    ConfigSpace(int size) {
        bytes = new byte[size];
        widths = new byte[size];
        Arrays.fill(widths, (byte) 1);
    }

    int size() {
        return bytes.length;
    }

    /// Declares a field of 2, 4 or 8 bytes and sets it; what is not declared is bytes.
    void field(int offset, int width, long value) {
        int step = Math.min(width, 4);
        for (int at = offset; at < offset + width; at += step) {
            Arrays.fill(widths, at, at + step, (byte) 0);
            widths[at] = (byte) step;
        }
        set(offset, width, value);
    }

    void set(int offset, int width, long value) {
        for (int i = 0; i < width; i++) {
            bytes[offset + i] = (byte) (value >>> (8 * i));
        }
    }

    long get(int offset, int width) {
        long value = 0;
        for (int i = width - 1; i >= 0; i--) {
            int at = offset + i;
            value = value << 8 | (at < bytes.length ? bytes[at] & 0xFF : 0);
        }
        return value;
    }

    /// Whether an access is one of exactly one field.
    boolean isField(int offset, int width) {
        return offset + width <= bytes.length && widths[offset] == width;
    }
}
