package helix.net.ip.internal;

/// An IPv4 packet, RFC 791. Options are skipped; fragments are not put together.
///
/// @param source who sent it
/// @param target who is to get it
/// @param protocol what is in it
/// @param payload what is in it, without padding of the link
@SuppressWarnings("ArrayRecordComponent") // packets are read, not compared
record Ipv4(int source, int target, int protocol, byte[] payload) {
    static final int ICMP = 1;
    static final int TCP = 6;
    static final int UDP = 17;

    private static final int HEADER = 20;
    private static final int TTL = 64;
    private static final int DONT_FRAGMENT = 0x4000;

    /// The flag MF and the fragment's offset.
    private static final int FRAGMENT = 0x3FFF;

    static Ipv4 parse(PacketReader in) throws MalformedException {
        int there = in.left();
        if (there < HEADER) {
            throw new MalformedException("IPv4 packet of " + there + " bytes");
        }
        PacketReader whole = in.part(there);
        PacketReader header = whole.part(0);
        int first = whole.u8();
        int headerBytes = (first & 0xF) * 4;
        if (first >>> 4 != 4 || headerBytes < HEADER || headerBytes > there) {
            throw new MalformedException("IPv4 header 0x" + Integer.toHexString(first));
        }
        whole.skip(1);
        int total = whole.u16();
        if (total < headerBytes || total > there) {
            throw new MalformedException("IPv4 total length " + total + " of " + there);
        }
        whole.skip(2);
        int fragment = whole.u16();
        whole.skip(1);
        int protocol = whole.u8();
        whole.skip(2);
        int source = whole.s32();
        int target = whole.s32();
        header.widen(headerBytes);
        if (header.checksum(0) != 0) {
            throw new MalformedException("IPv4 header checksum");
        }
        if ((fragment & FRAGMENT) != 0) {
            throw new MalformedException("IPv4 fragment");
        }
        whole.skip(headerBytes - HEADER);
        return new Ipv4(source, target, protocol, whole.take(total - headerBytes));
    }

    byte[] toBytes(int id) {
        return new PacketWriter()
                .u8(0x45)
                .u8(0)
                .u16(HEADER + payload.length)
                .u16(id)
                .u16(DONT_FRAGMENT)
                .u8(TTL)
                .u8(protocol)
                .u16(0)
                .s32(source)
                .s32(target)
                .checksumAt(10, 0)
                .all(payload)
                .toBytes();
    }
}
