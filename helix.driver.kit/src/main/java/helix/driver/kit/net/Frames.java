package helix.driver.kit.net;

import java.util.Arrays;

/// Frames that tell what was done to them: numbered, with contents that follow from the number.
final class Frames {
    /// IEEE 802: for experiments.
    static final int TYPE = 0x88B5;

    static final int LEAST = 14;
    private static final int NUMBER_AT = 14;
    private static final long BROADCAST = 0xFFFF_FFFF_FFFFL;

    private Frames() {}

    /// A frame to everybody.
    static byte[] make(int number, int size) {
        byte[] frame = new byte[size];
        address(frame, 0, BROADCAST);
        address(frame, 6, 0x02_4B_49_54_00_01L);
        frame[12] = (byte) (TYPE >> 8);
        frame[13] = (byte) TYPE;
        for (int i = NUMBER_AT; i < size; i++) {
            int k = i - NUMBER_AT;
            frame[i] = (byte) (k < 4 ? number >>> (24 - 8 * k) : number * 31 + i);
        }
        return frame;
    }

    private static void address(byte[] frame, int at, long address) {
        for (int i = 0; i < 6; i++) {
            frame[at + i] = (byte) (address >>> (40 - 8 * i));
        }
    }

    static boolean isOurs(byte[] frame) {
        return frame.length >= LEAST
                && (frame[12] & 0xFF) == TYPE >> 8
                && (frame[13] & 0xFF) == (TYPE & 0xFF);
    }

    /// Fails where a frame is not the one of a number and size.
    static void check(byte[] frame, int number, int size, String what) {
        NetCases.equal(size, frame.length, what + ", bytes of frame " + number);
        byte[] expected = make(number, size);
        int at = Arrays.mismatch(expected, frame);
        NetCases.that(
                at < 0, "%s: frame %d differs at byte %d of %d".formatted(what, number, at, size));
    }
}
