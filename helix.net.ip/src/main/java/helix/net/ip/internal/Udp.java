package helix.net.ip.internal;

/// A UDP datagram, RFC 768.
///
/// @param source the sender's port
/// @param target the receiver's port
/// @param payload what is in it
@SuppressWarnings("ArrayRecordComponent") // packets are read, not compared
record Udp(int source, int target, byte[] payload) {
    private static final int HEADER = 8;

    /// @param verified whether the checksum is known to be right
    static Udp parse(Ipv4 packet, boolean verified) throws MalformedException {
        PacketReader in = new PacketReader(packet.payload());
        PacketReader whole = new PacketReader(packet.payload());
        int source = in.u16();
        int target = in.u16();
        int length = in.u16();
        int checksum = in.u16();
        whole.limit(length);
        in.limit(length - HEADER);
        if (checksum != 0 && !verified) {
            int pseudo = Checksum.pseudo(packet.source(), packet.target(), Ipv4.UDP, length);
            if (whole.checksum(pseudo) != 0) {
                throw new MalformedException("UDP checksum");
            }
        }
        return new Udp(source, target, in.rest());
    }

    byte[] toBytes(int from, int to) {
        int length = HEADER + payload.length;
        PacketWriter out =
                new PacketWriter().u16(source).u16(target).u16(length).u16(0).all(payload);
        byte[] bytes = out.checksumAt(6, Checksum.pseudo(from, to, Ipv4.UDP, length)).toBytes();
        if (bytes[6] == 0 && bytes[7] == 0) {
            // Zero would say that there is none.
            bytes[6] = (byte) 0xFF;
            bytes[7] = (byte) 0xFF;
        }
        return bytes;
    }
}
