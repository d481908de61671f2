package helix.net.ip.internal;

import java.util.Arrays;

/// Reads a packet from front to back, big endian, and never beyond its end.
final class PacketReader {
    private final byte[] bytes;
    private int at;
    private int end;

    PacketReader(byte[] bytes) {
        this(bytes, 0, bytes.length);
    }

    private PacketReader(byte[] bytes, int at, int end) {
        this.bytes = bytes;
        this.at = at;
        this.end = end;
    }

    int left() {
        return end - at;
    }

    private int advance(int count) throws MalformedException {
        if (count < 0 || count > end - at) {
            throw new MalformedException(count + " bytes wanted, " + (end - at) + " left");
        }
        int before = at;
        at += count;
        return before;
    }

    int u8() throws MalformedException {
        return bytes[advance(1)] & 0xFF;
    }

    int u16() throws MalformedException {
        int from = advance(2);
        return (bytes[from] & 0xFF) << 8 | (bytes[from + 1] & 0xFF);
    }

    int s32() throws MalformedException {
        return u16() << 16 | u16();
    }

    long u48() throws MalformedException {
        return (long) u16() << 32 | (s32() & 0xFFFF_FFFFL);
    }

    void skip(int count) throws MalformedException {
        int _ = advance(count);
    }

    byte[] take(int count) throws MalformedException {
        int from = advance(count);
        return Arrays.copyOfRange(bytes, from, from + count);
    }

    byte[] rest() throws MalformedException {
        return take(left());
    }

    /// A reader of the next bytes, which are skipped here.
    PacketReader part(int count) throws MalformedException {
        int from = advance(count);
        return new PacketReader(bytes, from, from + count);
    }

    /// Cuts off what is behind a number of bytes from here.
    void limit(int count) throws MalformedException {
        if (count < 0 || count > left()) {
            throw new MalformedException(count + " bytes said, " + left() + " there");
        }
        end = at + count;
    }

    /// Reads further than before, within the packet.
    void widen(int count) throws MalformedException {
        if (count < 0 || count > bytes.length - at) {
            throw new MalformedException(count + " bytes said");
        }
        end = at + count;
    }

    /// The Internet checksum (RFC 1071) of all that is left, which is not skipped.
    int checksum(int start) {
        return Checksum.of(bytes, at, end - at, start);
    }
}
