package helix.net.ip.internal;

/// An ICMP message, RFC 792.
///
/// @param type what it is
/// @param code further what it is
/// @param id of an echo
/// @param sequence of an echo
/// @param payload what is in it
@SuppressWarnings("ArrayRecordComponent") // packets are read, not compared
record Icmp(int type, int code, int id, int sequence, byte[] payload) {
    static final int ECHO_REPLY = 0;
    static final int UNREACHABLE = 3;
    static final int ECHO_REQUEST = 8;

    static Icmp parse(Ipv4 packet) throws MalformedException {
        PacketReader in = new PacketReader(packet.payload());
        if (in.checksum(0) != 0) {
            throw new MalformedException("ICMP checksum");
        }
        int type = in.u8();
        int code = in.u8();
        in.skip(2);
        return new Icmp(type, code, in.u16(), in.u16(), in.rest());
    }

    byte[] toBytes() {
        return new PacketWriter()
                .u8(type)
                .u8(code)
                .u16(0)
                .u16(id)
                .u16(sequence)
                .all(payload)
                .checksumAt(2, 0)
                .toBytes();
    }
}
