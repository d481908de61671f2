package helix.net.capture.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;

/// Frames on their way from the thread that moves them to the one that writes them down: bounded,
/// without a lock or allocation. What finds no room is counted.
final class FrameRing {
    /// Time, bytes kept, bytes in all, direction, reserved.
    private static final int HEADER = 24;

    private static final int KEPT = 8;
    private static final int WHOLE = 12;
    private static final int SENT = 16;

    private final MemorySegment bytes;
    private final long size;
    private final int snapLength;
    private final MemorySegment header = MemorySegment.ofArray(new byte[HEADER]);

    /// Behind the last whole frame.
    private final AtomicLong head = new AtomicLong();

    /// The next frame to be read.
    private final AtomicLong tail = new AtomicLong();

    private final AtomicLong dropped = new AtomicLong();

    // Of the frame that is being put; the putting thread's.
    private boolean within;
    private boolean full;
    private long end;
    private int kept;
    private int whole;

    /// Who reads a frame.
    interface Reader<E extends Exception> {
        /// A frame.
        ///
        /// @param sent whether it was sent, else it was received
        /// @param nanos since 1970
        /// @param frame its bytes as far as they are kept
        /// @param length how many it had
        void frame(boolean sent, long nanos, byte[] frame, int length) throws E;
    }

    /// @param bytes how much fits, with 24 bytes more for each frame
    /// @param snapLength the most bytes kept of a frame, 0 for all
    FrameRing(int bytes, int snapLength) {
        this.bytes = MemorySegment.ofArray(new byte[bytes]);
        size = bytes;
        this.snapLength = snapLength == 0 ? Integer.MAX_VALUE : snapLength;
    }

    /// Puts a piece of a frame.
    ///
    /// @return whether the frame is complete and there
    boolean put(
            boolean sent, long nanos, MemorySegment memory, long offset, int length, boolean more) {
        if (!within) {
            within = true;
            full = false;
            end = head.getPlain() + HEADER;
            kept = 0;
            whole = 0;
        }
        int some = Math.min(length, snapLength - kept);
        full |= end + some - tail.getAcquire() > size;
        if (!full) {
            write(memory, offset, end, some);
            end += some;
            kept += some;
        }
        whole += length;
        if (more) {
            return false;
        }
        within = false;
        if (full) {
            dropped.incrementAndGet();
            return false;
        }
        header.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, nanos);
        header.set(ValueLayout.JAVA_INT_UNALIGNED, KEPT, kept);
        header.set(ValueLayout.JAVA_INT_UNALIGNED, WHOLE, whole);
        header.set(ValueLayout.JAVA_INT_UNALIGNED, SENT, sent ? 1 : 0);
        write(header, 0, head.getPlain(), HEADER);
        head.setRelease(end);
        return true;
    }

    private void write(MemorySegment from, long offset, long to, int length) {
        long at = to % size;
        long first = Math.min(length, size - at);
        MemorySegment.copy(from, offset, bytes, at, first);
        MemorySegment.copy(from, offset + first, bytes, 0, length - first);
    }

    private byte[] read(long from, int length) {
        byte[] read = new byte[length];
        MemorySegment to = MemorySegment.ofArray(read);
        long at = from % size;
        long first = Math.min(length, size - at);
        MemorySegment.copy(bytes, at, to, 0, first);
        MemorySegment.copy(bytes, 0, to, first, length - first);
        return read;
    }

    /// Reads all frames there are.
    ///
    /// @return how many
    <E extends Exception> int drain(Reader<E> reader) throws E {
        int count = 0;
        long at = tail.getPlain();
        while (at != head.getAcquire()) {
            MemorySegment head = MemorySegment.ofArray(read(at, HEADER));
            int length = head.get(ValueLayout.JAVA_INT_UNALIGNED, KEPT);
            byte[] frame = read(at + HEADER, length);
            at += HEADER + length;
            tail.setRelease(at);
            reader.frame(
                    head.get(ValueLayout.JAVA_INT_UNALIGNED, SENT) != 0,
                    head.get(ValueLayout.JAVA_LONG_UNALIGNED, 0),
                    frame,
                    head.get(ValueLayout.JAVA_INT_UNALIGNED, WHOLE));
            count++;
        }
        return count;
    }

    /// Frames that found no room.
    long dropped() {
        return dropped.get();
    }
}
