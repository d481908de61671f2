package helix.net.ip.internal;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A DHCP message, RFC 2131; options by RFC 2132.
///
/// @param operation [#REQUEST] or [#REPLY]
/// @param transaction tells conversations apart
/// @param yours the address that a client is given
/// @param mac the client's hardware address
/// @param options by number
record DhcpMessage(
        int operation, int transaction, int yours, long mac, Map<Integer, byte[]> options) {
    static final int CLIENT_PORT = 68;
    static final int SERVER_PORT = 67;
    static final int REQUEST = 1;
    static final int REPLY = 2;

    static final int OPTION_MASK = 1;
    static final int OPTION_ROUTER = 3;
    static final int OPTION_DNS = 6;
    static final int OPTION_HOST = 12;
    static final int OPTION_ADDRESS = 50;
    static final int OPTION_SECONDS = 51;
    static final int OPTION_TYPE = 53;
    static final int OPTION_SERVER = 54;
    static final int OPTION_WANTED = 55;
    static final int OPTION_MESSAGE = 56;

    static final int DISCOVER = 1;
    static final int OFFER = 2;
    static final int ASK = 3;
    static final int ACK = 5;
    static final int NAK = 6;

    private static final int PAD = 0;
    private static final int END = 255;
    private static final int COOKIE = 0x6382_5363;
    private static final int ANSWER_BY_BROADCAST = 0x8000;

    /// The rest of `chaddr`, `sname` and `file`.
    private static final int UNUSED = 10 + 64 + 128;

    static DhcpMessage parse(PacketReader in) throws MalformedException {
        int operation = in.u8();
        if (in.u8() != 1 || in.u8() != 6) {
            throw new MalformedException("DHCP for another network");
        }
        in.skip(1);
        int transaction = in.s32();
        in.skip(4 + 4);
        int yours = in.s32();
        in.skip(4 + 4);
        long mac = in.u48();
        in.skip(UNUSED);
        if (in.s32() != COOKIE) {
            throw new MalformedException("BOOTP without DHCP's cookie");
        }
        Map<Integer, byte[]> options = new LinkedHashMap<>();
        while (in.left() > 0) {
            int option = in.u8();
            if (option == END) {
                break;
            }
            if (option != PAD) {
                options.put(option, in.take(in.u8()));
            }
        }
        return new DhcpMessage(operation, transaction, yours, mac, options);
    }

    byte[] toBytes() {
        PacketWriter out =
                new PacketWriter()
                        .u8(operation)
                        .u8(1)
                        .u8(6)
                        .u8(0)
                        .s32(transaction)
                        .u16(0)
                        .u16(ANSWER_BY_BROADCAST)
                        .s32(0)
                        .s32(yours)
                        .s32(0)
                        .s32(0)
                        .u48(mac)
                        .zeroes(UNUSED)
                        .s32(COOKIE);
        options.forEach((option, value) -> out.u8(option).u8(value.length).all(value));
        return out.u8(END).toBytes();
    }

    /// The kind of message, 0 if it does not say.
    int type() {
        byte[] value = options.get(OPTION_TYPE);
        return value == null || value.length != 1 ? 0 : value[0];
    }

    /// The first number of an option.
    ///
    /// @return null if it is not there
    @Nullable Integer number(int option) {
        return number(option, 0);
    }

    /// The number at a place of an option.
    ///
    /// @return null if it is not there
    @Nullable Integer number(int option, int index) {
        byte[] value = options.get(option);
        int from = index * Integer.BYTES;
        if (value == null || value.length < from + Integer.BYTES) {
            return null;
        }
        int number = 0;
        for (int i = 0; i < Integer.BYTES; i++) {
            number = number << 8 | (value[from + i] & 0xFF);
        }
        return number;
    }

    /// What a server has to say.
    String message() {
        byte[] value = options.get(OPTION_MESSAGE);
        return value == null ? "" : new String(value, StandardCharsets.US_ASCII);
    }

    static byte[] bytes(int number) {
        return new PacketWriter().s32(number).toBytes();
    }
}
