package helix.net.ip.internal;

/// A TCP segment, RFC 9293. Of its options only the maximum segment size is known.
///
/// @param source the sender's port
/// @param target the receiver's port
/// @param sequence of the first byte
/// @param acknowledged the next byte expected
/// @param flags [#SYN] …
/// @param window bytes that may be sent
/// @param maxSegment the option, 0 if it is not there
/// @param payload the bytes
@SuppressWarnings("ArrayRecordComponent") // packets are read, not compared
record Tcp(
        int source,
        int target,
        int sequence,
        int acknowledged,
        int flags,
        int window,
        int maxSegment,
        byte[] payload) {
    static final int FIN = 1;
    static final int SYN = 1 << 1;
    static final int RST = 1 << 2;
    static final int PSH = 1 << 3;
    static final int ACK = 1 << 4;

    private static final int HEADER = 20;
    private static final int OPTION_END = 0;
    private static final int OPTION_NONE = 1;
    private static final int OPTION_MSS = 2;
    private static final int MSS_BYTES = 4;

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /// @param verified whether the checksum is known to be right
    static Tcp parse(Ipv4 packet, boolean verified) throws MalformedException {
        PacketReader in = new PacketReader(packet.payload());
        int length = packet.payload().length;
        int pseudo = Checksum.pseudo(packet.source(), packet.target(), Ipv4.TCP, length);
        if (!verified && in.checksum(pseudo) != 0) {
            throw new MalformedException("TCP checksum");
        }
        int source = in.u16();
        int target = in.u16();
        int sequence = in.s32();
        int acknowledged = in.s32();
        int offset = (in.u8() >>> 4) * 4;
        int flags = in.u8();
        int window = in.u16();
        in.skip(4);
        if (offset < HEADER) {
            throw new MalformedException("TCP data offset " + offset);
        }
        int maxSegment = maxSegment(in.part(offset - HEADER));
        return new Tcp(
                source, target, sequence, acknowledged, flags, window, maxSegment, in.rest());
    }

    private static int maxSegment(PacketReader options) throws MalformedException {
        int found = 0;
        while (options.left() > 0) {
            int kind = options.u8();
            if (kind == OPTION_END) {
                return found;
            }
            if (kind == OPTION_NONE) {
                continue;
            }
            int length = options.u8();
            if (length < 2) {
                throw new MalformedException("TCP option of " + length + " bytes");
            }
            PacketReader value = options.part(length - 2);
            if (kind == OPTION_MSS && length == MSS_BYTES) {
                found = value.u16();
            }
        }
        return found;
    }

    byte[] toBytes(int from, int to) {
        PacketWriter out =
                new PacketWriter()
                        .u16(source)
                        .u16(target)
                        .s32(sequence)
                        .s32(acknowledged)
                        .u8(((maxSegment > 0 ? HEADER + MSS_BYTES : HEADER) / 4) << 4)
                        .u8(flags)
                        .u16(window)
                        .u16(0)
                        .u16(0);
        if (maxSegment > 0) {
            out.u8(OPTION_MSS).u8(MSS_BYTES).u16(maxSegment);
        }
        out.all(payload);
        return out.checksumAt(16, Checksum.pseudo(from, to, Ipv4.TCP, out.size())).toBytes();
    }
}
