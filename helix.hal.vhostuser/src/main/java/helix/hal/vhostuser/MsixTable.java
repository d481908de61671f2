package helix.hal.vhostuser;

import helix.posix.EventFd;
import java.util.BitSet;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// A function's MSI-X table and pending bits. PCI Local Bus 3.0, section 6.8.2.
///
/// A vector's target is an eventfd that a back-end or this machine signals: the message's own, or,
/// while the vector is masked, one that latches. What was latched is delivered when the mask goes.
final class MsixTable {
    static final int ENTRY = 16;
    private static final int VECTOR_CONTROL = 12;
    private static final int MASKED = 1;

    private final MessagePool messages;
    private final EventFd[] latches;
    private final int[] words;
    private final BitSet pending = new BitSet();

    /// Called with a vector whose target is another one now, or -1 for all.
    private final IntConsumer changed;

    private boolean enabled;
    private boolean maskedAll;

    MsixTable(int size, MessagePool messages, EventFds eventFds, IntConsumer changed) {
        this.messages = messages;
        this.changed = changed;
        latches = new EventFd[size];
        words = new int[size * ENTRY / Integer.BYTES];
        for (int vector = 0; vector < size; vector++) {
            latches[vector] = eventFds.take();
            // Entries come out of reset masked.
            words[word(vector, VECTOR_CONTROL)] = MASKED;
        }
    }

    private static int word(int vector, int offset) {
        return (vector * ENTRY + offset) / Integer.BYTES;
    }

    int size() {
        return latches.length;
    }

    /// Reads a word of the table.
    synchronized int read(int offset) {
        int index = offset / Integer.BYTES;
        return index < words.length ? words[index] : 0;
    }

    /// Writes a word of the table.
    void write(int offset, int value) {
        int index = offset / Integer.BYTES;
        int vector = offset / ENTRY;
        synchronized (this) {
            if (index >= words.length || words[index] == value) {
                return;
            }
            words[index] = offset % ENTRY == VECTOR_CONTROL ? value & MASKED : value;
            deliver(vector);
        }
        changed.accept(vector);
    }

    /// Message Control was written.
    void control(boolean enable, boolean maskAll) {
        synchronized (this) {
            if (enabled == enable && maskedAll == maskAll) {
                return;
            }
            enabled = enable;
            maskedAll = maskAll;
            for (int vector = 0; vector < latches.length; vector++) {
                deliver(vector);
            }
        }
        changed.accept(-1);
    }

    /// The eventfd that makes this vector's interrupt happen.
    synchronized EventFd target(int vector) {
        EventFd message = message(vector);
        return message == null ? latches[vector] : message;
    }

    private @Nullable EventFd message(int vector) {
        if (!enabled || maskedAll || (words[word(vector, VECTOR_CONTROL)] & MASKED) != 0) {
            return null;
        }
        long address =
                Integer.toUnsignedLong(words[word(vector, 0)])
                        | ((long) words[word(vector, 4)] << 32);
        return messages.find(address, words[word(vector, 8)]);
    }

    /// Raises a vector.
    synchronized void raise(int vector) {
        target(vector).signal();
    }

    /// A back-end that signalled a vector's latch while the vector became unmasked has done so by
    /// now.
    synchronized void settle(int vector) {
        deliver(vector);
    }

    private void deliver(int vector) {
        if (latches[vector].drain() > 0) {
            pending.set(vector);
        }
        EventFd message = message(vector);
        if (message != null && pending.get(vector)) {
            pending.clear(vector);
            message.signal();
        }
    }

    /// Reads 32 pending bits.
    synchronized int readPending(int offset) {
        int bits = 0;
        int first = offset * Byte.SIZE;
        for (int i = 0; i < Integer.SIZE && first + i < latches.length; i++) {
            deliver(first + i);
            bits |= pending.get(first + i) ? 1 << i : 0;
        }
        return bits;
    }

    /// The function is gone.
    void giveBack(EventFds eventFds) {
        for (EventFd latch : latches) {
            eventFds.giveBack(latch);
        }
    }
}
