package helix.posix;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// An eventfd(2): a 64-bit counter in the kernel that wakes whoever polls it. Non-blocking and
/// close-on-exec.
public final class EventFd implements AutoCloseable {
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;

    private static final MemorySegment ONE = Arena.ofAuto().allocate(JAVA_LONG);

    static {
        ONE.set(JAVA_LONG, 0, 1L);
    }

    private final int fd;
    private final boolean owned;

    /// Guarded by this, so that no call is under way when the number becomes another descriptor's.
    private boolean open = true;

    private final MemorySegment value = Arena.ofAuto().allocate(JAVA_LONG);

    private EventFd(int fd, boolean owned) {
        this.fd = fd;
        this.owned = owned;
    }

    /// Creates an eventfd whose counter is 0.
    ///
    /// @return the new eventfd
    /// @throws PosixException if the kernel refuses one (EMFILE: too many open files)
    public static EventFd create() {
        try {
            int fd = (int) Libc.EVENTFD.invokeExact(Libc.state(), 0, EFD_CLOEXEC | EFD_NONBLOCK);
            if (fd < 0) {
                throw new PosixException("eventfd", Libc.errno());
            }
            return new EventFd(fd, true);
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Somebody else's eventfd: [#close()] of the result ends its use and leaves the descriptor
    /// open.
    ///
    /// @param fd a non-blocking eventfd that stays open until the result is closed
    /// @return the same counter
    public static EventFd borrowed(int fd) {
        return new EventFd(fd, false);
    }

    /// The descriptor's number, valid until [#close()].
    ///
    /// @return a number ≥ 0
    public int fd() {
        return fd;
    }

    /// Adds 1 to the counter and wakes who waits. Any thread; after [#close()] it does nothing.
    public synchronized void signal() {
        if (open) {
            signal(fd);
        }
    }

    /// Adds 1 to the counter of an eventfd that someone else owns and keeps open during the call.
    ///
    /// @param fd the eventfd's number
    public static void signal(int fd) {
        try {
            // EAGAIN means that the counter is at its maximum: whoever waits is awake already.
            long _ = (long) Libc.WRITE.invokeExact(Libc.state(), fd, ONE, 8L);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Takes the counter's value and sets it to 0. For one thread at a time.
    ///
    /// @return the number of signals since the last drain, 0 if there was none
    public synchronized long drain() {
        if (!open) {
            return 0;
        }
        try {
            long n = (long) Libc.READ.invokeExact(Libc.state(), fd, value, 8L);
            return n == 8 ? value.get(JAVA_LONG, 0) : 0;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Closes the descriptor; a second call does nothing.
    @Override
    public synchronized void close() {
        if (open) {
            open = false;
            if (owned) {
                Libc.close(fd);
            }
        }
    }
}
