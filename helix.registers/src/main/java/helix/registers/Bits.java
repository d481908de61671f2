package helix.registers;

/// A field of a register, named by its bits as the specification prints them: `Bits.of(31, 24)`.
/// Held in `static final` constants it costs what hand-written masks cost.
///
/// @param msb the most significant bit, 0 to 63
/// @param lsb the least significant bit, 0 to `msb`
public record Bits(int msb, int lsb) {
    /// Checks the ranges.
    public Bits {
        if (lsb < 0 || msb < lsb || msb > 63) {
            throw new IllegalArgumentException("no bit field: " + msb + ":" + lsb);
        }
    }

    /// A field of several bits.
    ///
    /// @param msb the most significant bit
    /// @param lsb the least significant bit
    /// @return the field
    public static Bits of(int msb, int lsb) {
        return new Bits(msb, lsb);
    }

    /// A single bit.
    ///
    /// @param bit its number
    /// @return the field
    public static Bits of(int bit) {
        return new Bits(bit, bit);
    }

    /// Ones in this field, zeroes elsewhere.
    ///
    /// @return the mask in place
    public long mask() {
        return max() << lsb;
    }

    /// The largest value the field holds.
    ///
    /// @return all ones, shifted down
    public long max() {
        return -1L >>> (63 - (msb - lsb));
    }

    /// This field of a 64-bit register.
    ///
    /// @param register the register's value
    /// @return the field, shifted down
    public long get(long register) {
        return (register >>> lsb) & max();
    }

    /// This field of a 32-bit register.
    ///
    /// @param register the register's value
    /// @return the field, shifted down
    public int get(int register) {
        return (int) ((Integer.toUnsignedLong(register) >>> lsb) & max());
    }

    /// A value in this field's place, for a register of its own or to be or-ed.
    ///
    /// @param value must fit
    /// @return the value, shifted up
    /// @throws IllegalArgumentException if it does not fit
    public long put(long value) {
        if ((value & ~max()) != 0) {
            throw new IllegalArgumentException(
                    Long.toUnsignedString(value) + " does not fit " + msb + ":" + lsb);
        }
        return value << lsb;
    }

    /// The register with this field replaced.
    ///
    /// @param register the register's value
    /// @param value must fit
    /// @return the new value
    public long put(long register, long value) {
        return (register & ~mask()) | put(value);
    }

    /// Whether any bit of the field is set.
    ///
    /// @param register the register's value
    /// @return false if the field is 0
    public boolean isSet(long register) {
        return (register & mask()) != 0;
    }
}
