package helix.hal.sim;

import helix.hal.sim.api.FunctionShape.Msix;
import java.util.BitSet;

/// A function's MSI-X table and pending bits. PCI Express Base 6.0, sections 6.1.4 and 7.7.2.
/// Guarded by the function's lock.
final class MsixTable {
    static final int ENTRY = 16;
    private static final int VECTOR_CONTROL = 12;
    private static final int MASKED = 1;
    private static final int WORDS = ENTRY / Integer.BYTES;

    private final Msix shape;
    private final int[] words;
    private final BitSet pending = new BitSet();
    private final Bus bus;

    /// Where messages go.
    interface Bus {
        /// Whether a message can leave the function now: enabled, not masked as a whole.
        boolean isOpen();

        /// Sends a message.
        void send(int vector, long address, int data);
    }

    MsixTable(Msix shape, Bus bus) {
        this.shape = shape;
        this.bus = bus;
        words = new int[shape.vectors() * WORDS];
        reset();
    }

    void reset() {
        pending.clear();
        for (int i = 0; i < words.length; i++) {
            // Entries come out of reset masked.
            words[i] = i % WORDS == VECTOR_CONTROL / Integer.BYTES ? MASKED : 0;
        }
    }

    int vectors() {
        return shape.vectors();
    }

    /// Whether an access of the BAR is one of the table or the pending bits.
    boolean covers(int bar, long offset) {
        return bar == shape.bar() && (inTable(offset) || inPending(offset));
    }

    private boolean inTable(long offset) {
        return offset >= shape.tableOffset()
                && offset < shape.tableOffset() + (long) shape.vectors() * ENTRY;
    }

    private boolean inPending(long offset) {
        long bytes = (shape.vectors() + 63L) / 64 * 8;
        return offset >= shape.pendingOffset() && offset < shape.pendingOffset() + bytes;
    }

    /// Reads 32 bits.
    int read(long offset) {
        if (inTable(offset)) {
            return words[(int) (offset - shape.tableOffset()) / Integer.BYTES];
        }
        int first = (int) (offset - shape.pendingOffset()) * Byte.SIZE;
        int bits = 0;
        for (int i = 0; i < Integer.SIZE; i++) {
            bits |= pending.get(first + i) ? 1 << i : 0;
        }
        return bits;
    }

    /// Writes 32 bits; the pending bits are read-only.
    void write(long offset, int value) {
        if (!inTable(offset)) {
            return;
        }
        int at = (int) (offset - shape.tableOffset());
        words[at / Integer.BYTES] = at % ENTRY == VECTOR_CONTROL ? value & MASKED : value;
        deliver(at / ENTRY);
    }

    /// Sends a vector's message, or keeps it as pending while it is masked.
    void raise(int vector) {
        pending.set(vector);
        deliver(vector);
    }

    /// Sends what was kept, as far as it is not masked any more.
    void deliverAll() {
        for (int v = pending.nextSetBit(0); v >= 0; v = pending.nextSetBit(v + 1)) {
            deliver(v);
        }
    }

    private void deliver(int vector) {
        int entry = vector * WORDS;
        if (pending.get(vector)
                && bus.isOpen()
                && (words[entry + VECTOR_CONTROL / Integer.BYTES] & MASKED) == 0) {
            pending.clear(vector);
            long address = Integer.toUnsignedLong(words[entry]) | (long) words[entry + 1] << 32;
            bus.send(vector, address, words[entry + 2]);
        }
    }
}
