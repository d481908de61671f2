package helix.net.ip.internal;

/// The Internet checksum, RFC 1071.
final class Checksum {
    private Checksum() {}

    /// The sum of bytes, inverted.
    ///
    /// @param start a sum to begin with, not inverted
    /// @return 0 if the bytes have their right checksum in them
    static int of(byte[] bytes, int from, int length, int start) {
        long sum = start & 0xFFFF_FFFFL;
        for (int i = 0; i < length; i++) {
            int value = bytes[from + i] & 0xFF;
            sum += (i & 1) == 0 ? value << 8 : value;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return (int) (~sum & 0xFFFF);
    }

    /// The sum of the pseudo-header of UDP and TCP, RFC 768 and RFC 9293.
    static int pseudo(int source, int target, int protocol, int length) {
        return (source >>> 16)
                + (source & 0xFFFF)
                + (target >>> 16)
                + (target & 0xFFFF)
                + protocol
                + length;
    }
}
