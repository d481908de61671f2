package helix.modules.api;

import java.nio.ByteBuffer;
import java.util.Arrays;

/// Writes the bytes of a [ModuleState], which one generation leaves to the next: big-endian
/// numbers, one after another. What each is, and in which range, [StateReader] is told.
public final class StateWriter {
    private static final int FIRST_BYTES = 16 * 1024;

    private ByteBuffer bytes = ByteBuffer.allocate(FIRST_BYTES);

    /// Begins with nothing.
    public StateWriter() {}

    private ByteBuffer room(int more) {
        if (bytes.remaining() < more) {
            int size = Math.max(2 * bytes.capacity(), bytes.position() + more);
            bytes = ByteBuffer.allocate(size).put(bytes.flip());
        }
        return bytes;
    }

    /// One byte, 0 or 1.
    ///
    /// @param value the value
    public void bool(boolean value) {
        room(1).put((byte) (value ? 1 : 0));
    }

    /// 32 bits.
    ///
    /// @param value the value
    public void number(int value) {
        room(Integer.BYTES).putInt(value);
    }

    /// 64 bits.
    ///
    /// @param value the value
    public void number(long value) {
        room(Long.BYTES).putLong(value);
    }

    /// As many numbers of 32 bits as the reader knows of.
    ///
    /// @param values the values
    public void numbers(int[] values) {
        ByteBuffer to = room(values.length * Integer.BYTES);
        for (int value : values) {
            to.putInt(value);
        }
    }

    /// As many numbers of 64 bits as the reader knows of.
    ///
    /// @param values the values
    public void numbers(long[] values) {
        ByteBuffer to = room(values.length * Long.BYTES);
        for (long value : values) {
            to.putLong(value);
        }
    }

    /// As many bytes as the reader knows of.
    ///
    /// @param values the bytes
    public void octets(byte[] values) {
        room(values.length).put(values);
    }

    /// Bytes that mostly end in zeroes, which are left out.
    ///
    /// @param values the bytes
    public void padded(byte[] values) {
        int length = values.length;
        while (length > 0 && values[length - 1] == 0) {
            length--;
        }
        number(length);
        room(length).put(values, 0, length);
    }

    /// All that was written.
    ///
    /// @return a copy
    public byte[] toBytes() {
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    /// All that was written, as a state.
    ///
    /// @param schema what it is
    /// @return the state
    public ModuleState toState(ModuleState.Schema schema) {
        return ModuleState.of(schema.name(), schema.version(), toBytes());
    }
}
