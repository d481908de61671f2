package helix.posix;

import java.util.Map;

/// A system call that failed: which one, on what, and its `errno`.
public final class PosixException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private static final Map<Integer, String> NAMES =
            Map.ofEntries(
                    Map.entry(1, "EPERM"),
                    Map.entry(2, "ENOENT"),
                    Map.entry(3, "ESRCH"),
                    Map.entry(4, "EINTR"),
                    Map.entry(5, "EIO"),
                    Map.entry(9, "EBADF"),
                    Map.entry(11, "EAGAIN"),
                    Map.entry(12, "ENOMEM"),
                    Map.entry(13, "EACCES"),
                    Map.entry(17, "EEXIST"),
                    Map.entry(19, "ENODEV"),
                    Map.entry(22, "EINVAL"),
                    Map.entry(23, "ENFILE"),
                    Map.entry(24, "EMFILE"),
                    Map.entry(25, "ENOTTY"),
                    Map.entry(28, "ENOSPC"),
                    Map.entry(32, "EPIPE"),
                    Map.entry(36, "ENAMETOOLONG"),
                    Map.entry(98, "EADDRINUSE"),
                    Map.entry(104, "ECONNRESET"),
                    Map.entry(107, "ENOTCONN"),
                    Map.entry(110, "ETIMEDOUT"),
                    Map.entry(111, "ECONNREFUSED"));

    /// The error number of the call.
    private final int errno;

    /// Describes a failed call.
    ///
    /// @param call the system call and what it was applied to, such as `connect(/run/x.sock)`
    /// @param errno the error number it left, see errno(3)
    public PosixException(String call, int errno) {
        super(call + ": " + NAMES.getOrDefault(errno, "errno " + errno));
        this.errno = errno;
    }

    /// The error number, see errno(3).
    ///
    /// @return a positive number
    public int errno() {
        return errno;
    }
}
