package helix.driver.net.virtio;

import java.nio.ByteBuffer;
import java.util.Arrays;

/// Writes the state that one generation leaves to the next: big-endian numbers, one after another.
final class StateWriter {
    private static final int FIRST_BYTES = 16 * 1024;

    private ByteBuffer bytes = ByteBuffer.allocate(FIRST_BYTES);

    private ByteBuffer room(int more) {
        if (bytes.remaining() < more) {
            int size = Math.max(2 * bytes.capacity(), bytes.position() + more);
            bytes = ByteBuffer.allocate(size).put(bytes.flip());
        }
        return bytes;
    }

    void bool(boolean value) {
        room(1).put((byte) (value ? 1 : 0));
    }

    void number(int value) {
        room(Integer.BYTES).putInt(value);
    }

    void number(long value) {
        room(Long.BYTES).putLong(value);
    }

    /// As many numbers as the reader knows of.
    void numbers(int[] values) {
        ByteBuffer to = room(values.length * Integer.BYTES);
        for (int value : values) {
            to.putInt(value);
        }
    }

    void numbers(long[] values) {
        ByteBuffer to = room(values.length * Long.BYTES);
        for (long value : values) {
            to.putLong(value);
        }
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes.array(), bytes.position());
    }
}
