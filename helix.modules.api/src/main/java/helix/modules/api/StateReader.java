package helix.modules.api;

import java.nio.ByteBuffer;

/// Reads what [StateWriter] wrote into a [ModuleState], and believes none of it unseen: each number
/// has a range, and what is out of it, or is not there, ends the reading with a [ModuleError] that
/// names it.
public final class StateReader {
    private final ByteBuffer bytes;

    /// Begins at the first byte.
    ///
    /// @param data what [StateWriter#toBytes()] gave; not copied
    public StateReader(byte[] data) {
        bytes = ByteBuffer.wrap(data);
    }

    /// Begins, if a state is one that can be read.
    ///
    /// @param state the state
    /// @param schema what it has to be, in exactly this version
    /// @return at the first byte
    public static StateReader of(ModuleState state, ModuleState.Schema schema) {
        if (!state.schema().equals(schema.name()) || state.version() != schema.version()) {
            throw new ModuleError(
                    "no state of schema %s version %d is taken over here"
                            .formatted(state.schema(), state.version()));
        }
        if (!state.isIntact()) {
            throw new ModuleError("the state is damaged");
        }
        return new StateReader(state.data());
    }

    private ByteBuffer have(int count, int each, String what) {
        if (count < 0 || bytes.remaining() / each < count) {
            throw new ModuleError("state ends before " + what);
        }
        return bytes;
    }

    /// One byte, 0 or 1.
    ///
    /// @param what its name in an error
    /// @return the value
    public boolean bool(String what) {
        byte value = have(1, 1, what).get();
        require((value & ~1) == 0, what, value);
        return value == 1;
    }

    /// Any number of 32 bits.
    ///
    /// @param what its name in an error
    /// @return the value
    public int number(String what) {
        return have(1, Integer.BYTES, what).getInt();
    }

    /// A number of 32 bits from a range.
    ///
    /// @param what its name in an error
    /// @param min the least
    /// @param max the greatest
    /// @return the value
    public int number(String what, int min, int max) {
        int value = number(what);
        require(value >= min && value <= max, what, value);
        return value;
    }

    /// Any number of 64 bits.
    ///
    /// @param what its name in an error
    /// @return the value
    public long longNumber(String what) {
        return have(1, Long.BYTES, what).getLong();
    }

    /// Numbers of 32 bits from a range.
    ///
    /// @param what their name in an error
    /// @param count how many
    /// @param min the least
    /// @param max the greatest
    /// @return the values
    public int[] numbers(String what, int count, int min, int max) {
        int[] values = numbers(what, count);
        for (int value : values) {
            require(value >= min && value <= max, what, value);
        }
        return values;
    }

    /// Any numbers of 32 bits.
    ///
    /// @param what their name in an error
    /// @param count how many
    /// @return the values
    public int[] numbers(String what, int count) {
        ByteBuffer from = have(count, Integer.BYTES, what);
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getInt();
        }
        return values;
    }

    /// Any numbers of 64 bits.
    ///
    /// @param what their name in an error
    /// @param count how many
    /// @return the values
    public long[] longNumbers(String what, int count) {
        ByteBuffer from = have(count, Long.BYTES, what);
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getLong();
        }
        return values;
    }

    /// Bytes.
    ///
    /// @param what their name in an error
    /// @param count how many
    /// @return the bytes
    public byte[] octets(String what, int count) {
        ByteBuffer from = have(count, 1, what);
        byte[] values = new byte[count];
        from.get(values);
        return values;
    }

    /// What [StateWriter#padded] wrote.
    ///
    /// @param what its name in an error
    /// @param size how many bytes it has with its zeroes
    /// @return the bytes
    public byte[] padded(String what, int size) {
        int length = number(what, 0, size);
        byte[] values = new byte[size];
        have(length, 1, what).get(values, 0, length);
        return values;
    }

    /// Insists that nothing is left.
    public void end() {
        require(!bytes.hasRemaining(), "bytes after the end", bytes.remaining());
    }

    /// Insists on something that was read.
    ///
    /// @param condition whether it can be
    /// @param what its name in the error
    /// @param value what was read
    public static void require(boolean condition, String what, long value) {
        if (!condition) {
            throw new ModuleError("state cannot be right: " + what + " " + value);
        }
    }
}
