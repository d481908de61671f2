package helix.net.ip.internal;

/// An ARP packet for IPv4 over Ethernet, RFC 826.
///
/// @param operation [#REQUEST] or [#REPLY]
/// @param senderMac who asks or answers
/// @param senderIp its address
/// @param targetMac who is asked, if known
/// @param targetIp whose hardware address is wanted
record Arp(int operation, long senderMac, int senderIp, long targetMac, int targetIp) {
    static final int REQUEST = 1;
    static final int REPLY = 2;

    private static final int ETHERNET = 1;
    private static final int IPV4 = 0x0800;

    static Arp parse(PacketReader in) throws MalformedException {
        if (in.u16() != ETHERNET || in.u16() != IPV4 || in.u8() != 6 || in.u8() != 4) {
            throw new MalformedException("ARP for another network");
        }
        return new Arp(in.u16(), in.u48(), in.s32(), in.u48(), in.s32());
    }

    byte[] toBytes() {
        return new PacketWriter()
                .u16(ETHERNET)
                .u16(IPV4)
                .u8(6)
                .u8(4)
                .u16(operation)
                .u48(senderMac)
                .s32(senderIp)
                .u48(targetMac)
                .s32(targetIp)
                .toBytes();
    }
}
