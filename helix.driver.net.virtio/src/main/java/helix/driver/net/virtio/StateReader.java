package helix.driver.net.virtio;

import helix.modules.api.ModuleError;
import java.nio.ByteBuffer;

/// Reads what [StateWriter] wrote, and believes none of it unseen: each number has a range, and
/// what is out of it ends the reading.
final class StateReader {
    private final ByteBuffer bytes;

    StateReader(byte[] data) {
        bytes = ByteBuffer.wrap(data);
    }

    private ByteBuffer have(int more, String what) {
        if (more < 0 || bytes.remaining() < more) {
            throw new ModuleError("state ends before " + what);
        }
        return bytes;
    }

    boolean bool(String what) {
        byte value = have(1, what).get();
        require((value & ~1) == 0, what, value);
        return value == 1;
    }

    /// Any number.
    int number(String what) {
        return have(Integer.BYTES, what).getInt();
    }

    /// A number from a range, both ends included.
    int number(String what, int min, int max) {
        int value = number(what);
        require(value >= min && value <= max, what, value);
        return value;
    }

    /// Any number.
    long longNumber(String what) {
        return have(Long.BYTES, what).getLong();
    }

    int[] numbers(String what, int count, int min, int max) {
        int[] values = numbers(what, count);
        for (int value : values) {
            require(value >= min && value <= max, what, value);
        }
        return values;
    }

    int[] numbers(String what, int count) {
        ByteBuffer from = have(Math.multiplyExact(count, Integer.BYTES), what);
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getInt();
        }
        return values;
    }

    long[] longNumbers(String what, int count) {
        ByteBuffer from = have(Math.multiplyExact(count, Long.BYTES), what);
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getLong();
        }
        return values;
    }

    void end() {
        require(!bytes.hasRemaining(), "bytes after the end", bytes.remaining());
    }

    static void require(boolean condition, String what, long value) {
        if (!condition) {
            throw new ModuleError("state cannot be right: " + what + " " + value);
        }
    }
}
