package helix.hal.sim.virtio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// What a sender left to be done: checksums, and the cutting of TCP segments. Where the receiver
/// takes frames as they are, nothing is done. VIRTIO 1.2, sections 5.1.6.2 and 5.1.6.4.
final class Offload {
    /// Takes finished frames.
    interface Sink {
        /// Takes one.
        ///
        /// @param header where struct virtio_net_hdr is; the frame follows it
        /// @param length of the frame
        /// @return false if there is no room now
        boolean accept(MemorySegment from, long header, int length);
    }

    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int ETHERNET = 14;
    private static final int MOST = 65_536 + 64;
    private static final int TCP_CHECKSUM = 16;
    private static final int FIN_AND_PSH = 0x09;
    private static final int TCP_PROTOCOL = 6;

    private final MemorySegment scratch = Arena.ofAuto().allocate(NetHeader.BYTES + MOST, 16);

    /// Passes a frame on, finished as far as the receiver needs it.
    ///
    /// @param checksum whether it takes NEEDS_CSUM
    /// @param tso4 whether it takes TCPV4 segments
    /// @param tso6 whether it takes TCPV6 segments
    /// @return whether the sink took all
    boolean pass(
            MemorySegment from,
            long header,
            int length,
            boolean checksum,
            boolean tso4,
            boolean tso6,
            Sink sink) {
        int flags = Wire.u8(from, header + NetHeader.FLAGS);
        int type = Wire.u8(from, header + NetHeader.GSO_TYPE) & ~NetHeader.GSO_ECN;
        boolean whole = type == NetHeader.GSO_NONE || (type == NetHeader.GSO_TCPV4 ? tso4 : tso6);
        boolean partial = (flags & NetHeader.F_NEEDS_CSUM) != 0;
        if (whole && (checksum || !partial)) {
            return sink.accept(from, header, length);
        }
        if (length > MOST) {
            return true; // no such frame is sent
        }
        if (!whole) {
            return cut(from, header, length, type == NetHeader.GSO_TCPV4, sink);
        }
        MemorySegment.copy(from, header, scratch, 0, NetHeader.BYTES + length);
        int start = Wire.u16(from, header + NetHeader.CSUM_START);
        int offset = start + Wire.u16(from, header + NetHeader.CSUM_OFFSET);
        if (offset + 2 <= length) {
            int sum = fold(sum(scratch, NetHeader.BYTES + start, length - start));
            scratch.set(U16, NetHeader.BYTES + offset, (short) (sum == 0xFFFF ? sum : ~sum));
        }
        plain();
        return sink.accept(scratch, 0, length);
    }

    private void plain() {
        scratch.asSlice(0, NetHeader.BYTES).fill((byte) 0);
    }

    /// Cuts a large TCP segment into those that go over a wire.
    private boolean cut(MemorySegment from, long header, int length, boolean ip4, Sink sink) {
        long frame = header + NetHeader.BYTES;
        int tcp = Wire.u16(from, header + NetHeader.CSUM_START);
        int size = Wire.u16(from, header + NetHeader.GSO_SIZE);
        if (tcp < ETHERNET + 20 || tcp + 20 > length || size == 0) {
            return true; // nothing that could be cut
        }
        int headers = tcp + (Wire.u8(from, frame + tcp + 12) >> 4) * 4;
        int ip = tcp - (ip4 ? ipv4Length(from, frame, tcp) : 40);
        if (headers > length || ip < ETHERNET) {
            return true;
        }
        int first = from.get(U32, frame + tcp + 4);
        int payload = length - headers;
        int number = 0;
        boolean taken = true;
        for (int at = 0; at < payload || number == 0; at += size, number++) {
            int part = Math.min(size, payload - at);
            MemorySegment.copy(from, frame, scratch, NetHeader.BYTES, headers);
            MemorySegment.copy(
                    from, frame + headers + at, scratch, NetHeader.BYTES + headers, part);
            plain();
            long out = NetHeader.BYTES;
            scratch.set(U32, out + tcp + 4, first + at);
            if (at + part < payload) {
                int tcpFlags = Wire.u8(scratch, out + tcp + 13) & ~FIN_AND_PSH;
                Wire.put8(scratch, out + tcp + 13, tcpFlags);
            }
            int transport = headers - tcp + part;
            if (ip4) {
                finish4(out + ip, tcp - ip, transport, number);
            } else {
                scratch.set(U16, out + ip + 4, (short) (tcp - ip - 40 + transport));
            }
            scratch.set(U16, out + tcp + TCP_CHECKSUM, (short) 0);
            long sum = sum(scratch, out + ip + (ip4 ? 12 : 8), ip4 ? 8 : 32);
            sum += TCP_PROTOCOL + transport + sum(scratch, out + tcp, transport);
            scratch.set(U16, out + tcp + TCP_CHECKSUM, (short) ~fold(sum));
            taken &= sink.accept(scratch, 0, headers + part);
        }
        return taken;
    }

    /// The length of the IPv4 header that ends where TCP begins.
    private static int ipv4Length(MemorySegment from, long frame, int tcp) {
        int ip = ETHERNET;
        while (ip + 20 <= tcp && Wire.u8(from, frame + ip) >> 4 != 4) {
            ip += 4; // a VLAN tag
        }
        return tcp - ip;
    }

    private void finish4(long ip, int headerLength, int transport, int number) {
        scratch.set(U16, ip + 2, (short) (headerLength + transport));
        scratch.set(U16, ip + 4, (short) (scratch.get(U16, ip + 4) + number));
        scratch.set(U16, ip + 10, (short) 0);
        scratch.set(U16, ip + 10, (short) ~fold(sum(scratch, ip, headerLength)));
    }

    private static long sum(MemorySegment from, long at, int length) {
        long sum = 0;
        int i = 0;
        for (; i + 2 <= length; i += 2) {
            sum += from.get(U16, at + i) & 0xFFFF;
        }
        return i < length ? sum + (Wire.u8(from, at + i) << 8) : sum;
    }

    private static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xFFFF) + (folded >>> 16);
        }
        return (int) folded;
    }
}
