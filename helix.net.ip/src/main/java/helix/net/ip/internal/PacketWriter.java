package helix.net.ip.internal;

import java.util.Arrays;

/// Writes a packet from front to back, big endian.
final class PacketWriter {
    private static final int FIRST = 128;

    private byte[] bytes = new byte[FIRST];
    private int at;

    private int advance(int count) {
        if (bytes.length - at < count) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, at + count));
        }
        int before = at;
        at += count;
        return before;
    }

    PacketWriter u8(int value) {
        int to = advance(1);
        bytes[to] = (byte) value;
        return this;
    }

    PacketWriter u16(int value) {
        return u8(value >>> 8).u8(value);
    }

    PacketWriter s32(int value) {
        return u16(value >>> 16).u16(value);
    }

    PacketWriter u48(long value) {
        return u16((int) (value >>> 32)).s32((int) value);
    }

    PacketWriter all(byte[] more) {
        int to = advance(more.length);
        System.arraycopy(more, 0, bytes, to, more.length);
        return this;
    }

    PacketWriter zeroes(int count) {
        int _ = advance(count);
        return this;
    }

    int size() {
        return at;
    }

    /// Puts the checksum of all bytes at a place that is zero.
    PacketWriter checksumAt(int offset, int start) {
        int sum = Checksum.of(bytes, 0, at, start);
        bytes[offset] = (byte) (sum >>> 8);
        bytes[offset + 1] = (byte) sum;
        return this;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, at);
    }
}
