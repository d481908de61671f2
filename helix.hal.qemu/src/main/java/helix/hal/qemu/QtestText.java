package helix.hal.qemu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/// Writes and reads the protocol's text in native memory, without an object per access.
final class QtestText {
    /// Room for the longest access: `writeq 0x`, 16 digits, ` 0x`, 16 digits, a line feed.
    static final int MAX_LINE = 64;

    private QtestText() {}

    /// Writes `COMMAND 0xADDRESS` and a line feed.
    ///
    /// @return the line's length
    static int read(MemorySegment line, QtestCommand command, long address) {
        int end = hex(line, begin(line, command), address);
        line.set(JAVA_BYTE, end, (byte) '\n');
        return end + 1;
    }

    /// Writes `COMMAND 0xADDRESS 0xVALUE` and a line feed.
    ///
    /// @return the line's length
    static int write(MemorySegment line, QtestCommand command, long address, long value) {
        int end = hex(line, begin(line, command), address);
        line.set(JAVA_BYTE, end, (byte) ' ');
        line.set(JAVA_BYTE, end + 1L, (byte) '0');
        line.set(JAVA_BYTE, end + 2L, (byte) 'x');
        end = hex(line, end + 3, value);
        line.set(JAVA_BYTE, end, (byte) '\n');
        return end + 1;
    }

    private static int begin(MemorySegment line, QtestCommand command) {
        byte[] prefix = command.prefix();
        MemorySegment.copy(prefix, 0, line, JAVA_BYTE, 0, prefix.length);
        return prefix.length;
    }

    private static int hex(MemorySegment line, int at, long value) {
        int digits = Math.max(1, (67 - Long.numberOfLeadingZeros(value)) / 4);
        for (int i = 0; i < digits; i++) {
            int digit = (int) (value >>> (4 * (digits - 1 - i))) & 0xF;
            line.set(JAVA_BYTE, at + i, (byte) (digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
        return at + digits;
    }

    /// Where the first line feed is.
    ///
    /// @return its index, -1 if there is none between `from` and `to`
    static int lineEnd(MemorySegment text, int from, int to) {
        for (int i = from; i < to; i++) {
            if (text.get(JAVA_BYTE, i) == '\n') {
                return i;
            }
        }
        return -1;
    }

    /// Reads the number of `OK 0xNUMBER`.
    ///
    /// @return the number, 0 for a bare `OK`
    static long okValue(MemorySegment text, int from, int to) {
        long value = 0;
        for (int i = from + "OK 0x".length(); i < to; i++) {
            value = (value << 4) | Character.digit(text.get(JAVA_BYTE, i), 16);
        }
        return value;
    }

    /// Reads the decimal number at a line's end.
    static int lastDecimal(MemorySegment text, int from, int to) {
        int value = 0;
        int scale = 1;
        for (int i = to - 1; i >= from; i--) {
            int digit = text.get(JAVA_BYTE, i) - '0';
            if (digit < 0 || digit > 9) {
                break;
            }
            value += digit * scale;
            scale *= 10;
        }
        return value;
    }

    /// A line as a string, for messages.
    static String string(MemorySegment text, int from, int to) {
        byte[] bytes = text.asSlice(from, to - from).toArray(JAVA_BYTE);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
