package helix.hal.sim.virtio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/// Frames on their way to one network card: any thread puts them in, one takes them out, none
/// waits. A frame is kept with the virtio header that says what is left to be done with it.
final class FrameQueue {
    private static final VarHandle LENGTH = ValueLayout.JAVA_INT.varHandle();

    /// Before each record; also what records are multiples of.
    private static final int PREFIX = 16;

    private final int capacity;
    private final MemorySegment bytes;
    private final AtomicLong tail = new AtomicLong();
    private final AtomicLong head = new AtomicLong();

    FrameQueue(int capacity) {
        this.capacity = capacity;
        bytes = Arena.ofAuto().allocate(capacity, 64);
    }

    /// Where records lie.
    MemorySegment bytes() {
        return bytes;
    }

    private static int round(int length) {
        return length + PREFIX - 1 & -PREFIX;
    }

    /// Takes room for a record.
    ///
    /// @return where it begins, -1 if there is no room
    int claim(int length) {
        int need = PREFIX + round(length);
        while (true) {
            long end = tail.get();
            int at = (int) (end & capacity - 1);
            int gap = need > capacity - at ? capacity - at : 0;
            if (end + gap + need - head.get() > capacity) {
                return -1;
            }
            if (tail.compareAndSet(end, end + gap + need)) {
                if (gap > 0) {
                    LENGTH.setRelease(bytes, (long) at, -gap);
                    at = 0;
                }
                return at + PREFIX;
            }
        }
    }

    /// The record is complete.
    void commit(int at, int length) {
        LENGTH.setRelease(bytes, (long) at - PREFIX, length);
    }

    boolean isEmpty() {
        return head.get() == tail.get();
    }

    /// The oldest record.
    ///
    /// @return where it begins, -1 if there is none
    int peek() {
        while (true) {
            long begin = head.get();
            int at = (int) (begin & capacity - 1);
            int length = (int) LENGTH.getAcquire(bytes, (long) at);
            if (length > 0) {
                return at + PREFIX;
            }
            if (length == 0) {
                return -1;
            }
            free(begin, at, -length);
        }
    }

    /// The length of the record that [#peek] gave.
    int length(int at) {
        return (int) LENGTH.get(bytes, (long) at - PREFIX);
    }

    /// Lets the record that [#peek] gave go.
    void remove(int at) {
        free(head.get(), at - PREFIX, PREFIX + round(length(at)));
    }

    private void free(long begin, int at, int length) {
        // Wherever the next record's prefix will be, it is no length yet.
        for (int i = 0; i < length; i += PREFIX) {
            LENGTH.set(bytes, (long) at + i, 0);
        }
        head.lazySet(begin + length);
    }

    /// Lets all go that is there.
    void clear() {
        for (int at = peek(); at >= 0; at = peek()) {
            remove(at);
        }
    }
}
