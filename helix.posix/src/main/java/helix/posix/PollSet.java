package helix.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A fixed number of places for descriptors to wait on with poll(2). For one thread at a time;
/// allocates nothing after its construction.
public final class PollSet {
    private static final long ENTRY = 8;
    private static final short POLLIN = 1;
    private static final int MAX_MILLIS = 60_000;

    private final MemorySegment entries;
    private final int capacity;
    private int size;

    /// Makes an empty set.
    ///
    /// @param capacity how many descriptors it can hold, at least 1
    public PollSet(int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("capacity " + capacity + " is below 1");
        }
        this.capacity = capacity;
        this.entries = Arena.ofAuto().allocate(capacity * ENTRY, 8);
    }

    /// Adds a descriptor to wait on until it is readable.
    ///
    /// @param fd the descriptor's number
    /// @return the index for [#isReady(int)]
    /// @throws IllegalStateException if the set is full
    public int add(int fd) {
        if (size == capacity) {
            throw new IllegalStateException("poll set is full: capacity=" + capacity);
        }
        entries.set(JAVA_INT, size * ENTRY, fd);
        entries.set(JAVA_SHORT, size * ENTRY + 4, POLLIN);
        return size++;
    }

    /// Forgets all descriptors.
    public void clear() {
        size = 0;
    }

    /// Waits until a descriptor is readable, has an error or is closed at its other end.
    ///
    /// A signal's arrival ends the wait early with 0; so does a wait of more than a minute.
    ///
    /// @param timeoutMillis the longest wait in milliseconds, 0 not to wait
    /// @return how many descriptors are ready
    public int await(long timeoutMillis) {
        int millis = Math.clamp(timeoutMillis, 0, MAX_MILLIS);
        try {
            int n = (int) Libc.POLL.invokeExact(Libc.state(), entries, (long) size, millis);
            if (n < 0) {
                int errno = Libc.errno();
                if (errno == Libc.EINTR) {
                    clearResults();
                    return 0;
                }
                throw new PosixException("poll", errno);
            }
            return n;
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Whether the last wait found this descriptor ready (readable, in error, or hung up).
    ///
    /// @param index what [#add(int)] returned
    /// @return true if a read of it will not block
    public boolean isReady(int index) {
        return entries.get(JAVA_SHORT, index * ENTRY + 6) != 0;
    }

    private void clearResults() {
        for (int i = 0; i < size; i++) {
            entries.set(JAVA_SHORT, i * ENTRY + 6, (short) 0);
        }
    }
}
