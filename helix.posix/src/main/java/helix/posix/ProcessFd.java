package helix.posix;

import java.util.concurrent.atomic.AtomicBoolean;

/// A process by descriptor, a pidfd_open(2): unlike its number it never becomes another process's.
/// It is readable once the process has ended, all of its threads included.
public final class ProcessFd implements AutoCloseable {
    private static final long PIDFD_OPEN = 434;

    private final int fd;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private ProcessFd(int fd) {
        this.fd = fd;
    }

    /// Opens a process.
    ///
    /// @param pid its number
    /// @return the process
    /// @throws PosixException ESRCH if there is none
    public static ProcessFd open(int pid) {
        try {
            long fd = (long) Libc.SYSCALL.invokeExact(Libc.state(), PIDFD_OPEN, (long) pid, 0L);
            if (fd < 0) {
                throw new PosixException("pidfd_open(" + pid + ")", Libc.errno());
            }
            return new ProcessFd((int) fd);
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// The descriptor's number, for a [PollSet].
    ///
    /// @return a number ≥ 0
    public int fd() {
        return fd;
    }

    /// Waits for the process's end.
    ///
    /// @param timeoutMillis the longest wait in milliseconds, 0 not to wait
    /// @return whether it has ended
    public boolean awaitEnd(long timeoutMillis) {
        PollSet set = new PollSet(1);
        set.add(fd);
        long end = System.nanoTime() + timeoutMillis * 1_000_000;
        while (true) {
            long left = Math.max(0, (end - System.nanoTime()) / 1_000_000);
            if (set.await(left) > 0) {
                return true;
            }
            if (left == 0) {
                return false;
            }
        }
    }

    /// Closes the descriptor; a second call does nothing.
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            Libc.close(fd);
        }
    }
}
