package helix.net.tap.internal;

import helix.driver.kit.net.MemoryInterface;

/// A host at the other end that has any address and answers pings.
final class EchoHost {
    private static final byte[] ADDRESS = {0x52, 0x55, 0, 0, 2, 2};
    private static final int ADDRESS_BYTES = 6;

    private EchoHost() {}

    /// An interface with such a host.
    static MemoryInterface connected() {
        MemoryInterface face = new MemoryInterface();
        face.wire(frame -> answer(face, frame));
        return face;
    }

    /// Answers who asks for a hardware address, and who pings.
    private static void answer(MemoryInterface to, byte[] frame) {
        byte[] answer = frame.clone();
        boolean arp = frame[12] == 8 && frame[13] == 6 && frame[21] == 1;
        boolean ping = frame[12] == 8 && frame[13] == 0 && frame[23] == 1 && frame[34] == 8;
        if (!arp && !ping) {
            return;
        }
        System.arraycopy(frame, ADDRESS_BYTES, answer, 0, ADDRESS_BYTES);
        System.arraycopy(ADDRESS, 0, answer, ADDRESS_BYTES, ADDRESS_BYTES);
        if (arp) {
            answer[21] = 2;
            System.arraycopy(frame, 22, answer, 32, 10);
            System.arraycopy(ADDRESS, 0, answer, 22, ADDRESS_BYTES);
            System.arraycopy(frame, 38, answer, 28, 4);
        } else {
            System.arraycopy(frame, 26, answer, 30, 4);
            System.arraycopy(frame, 30, answer, 26, 4);
            // An echo's reply differs by its type, and so does the sum.
            answer[34] = 0;
            int sum = ((frame[36] & 0xFF) << 8 | (frame[37] & 0xFF)) + 0x0800;
            sum = (sum & 0xFFFF) + (sum >>> 16);
            answer[36] = (byte) (sum >>> 8);
            answer[37] = (byte) sum;
        }
        to.deliver(answer);
    }
}
