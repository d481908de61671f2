package helix.driver.api.block;

/// How a block request ended. Numbers, so that a completion costs nothing.
public final class BlockStatus {
    /// Done.
    public static final int OK = 0;

    /// Blocks beyond the end.
    public static final int OUT_OF_RANGE = 1;

    /// The medium could not be read or written.
    public static final int MEDIA_ERROR = 2;

    /// A comparison found a difference.
    public static final int COMPARE_FAILED = 3;

    /// The device cannot do this operation.
    public static final int UNSUPPORTED = 4;

    /// The device did not answer in time; it was reset, and the request will not happen any more.
    public static final int TIMED_OUT = 5;

    /// The request was aborted and will not happen any more.
    public static final int ABORTED = 6;

    /// The device is no longer there.
    public static final int DEVICE_GONE = 7;

    /// The driver that took the request is gone; the device has been reset, and the request will
    /// not happen any more.
    public static final int GENERATION_GONE = 8;

    /// Whether the request happened cannot be known.
    public static final int OUTCOME_UNKNOWN = 9;

    /// The device refused the request or failed within.
    public static final int IO_ERROR = 10;

    /// Writing is not allowed.
    public static final int READ_ONLY = 11;

    /// No room is left on the storage behind the device.
    public static final int NO_SPACE = 12;

    /// No queue is left.
    public static final int NO_QUEUE = 13;

    private static final String[] TEXTS = {
        "ok",
        "beyond the end",
        "media error",
        "compare failed",
        "not supported by the device",
        "timed out",
        "aborted",
        "device is gone",
        "driver is gone",
        "outcome unknown",
        "I/O error",
        "read only",
        "no space left",
        "no queue left"
    };

    private BlockStatus() {}

    /// A status in words.
    ///
    /// @param status its number
    /// @return a few words
    public static String text(int status) {
        return status >= 0 && status < TEXTS.length ? TEXTS[status] : "status " + status;
    }
}
