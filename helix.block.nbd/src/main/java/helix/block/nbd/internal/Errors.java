package helix.block.nbd.internal;

import helix.driver.api.block.BlockStatus;
import java.nio.charset.StandardCharsets;

/// What a failure is called in NBD.
final class Errors {
    private static final byte[] OTHER = text("failed");
    private static final byte[] NOT_PERMITTED = text("the export is read only");
    private static final byte[] IO = text("the disk failed");
    private static final byte[] NO_MEMORY = text("no memory is left for the request");
    private static final byte[] INVALID = text("the request is not valid for this export");
    private static final byte[] NO_SPACE = text("beyond the end, or no space is left");
    private static final byte[] UNSUPPORTED = text("the disk cannot do this");
    private static final byte[] SHUT_DOWN = text("the disk is gone");

    /// The longest of the texts.
    static final int MAX_TEXT = 64;

    private Errors() {}

    /// The NBD error for a request that a disk ended.
    ///
    /// @param status a [BlockStatus] number
    /// @return 0 for OK
    static int of(int status) {
        return switch (status) {
            case BlockStatus.OK -> 0;
            case BlockStatus.OUT_OF_RANGE -> Nbd.EINVAL;
            case BlockStatus.UNSUPPORTED -> Nbd.ENOTSUP;
            case BlockStatus.READ_ONLY -> Nbd.EPERM;
            case BlockStatus.NO_SPACE -> Nbd.ENOSPC;
            case BlockStatus.DEVICE_GONE -> Nbd.ESHUTDOWN;
            default -> Nbd.EIO;
        };
    }

    /// What a person reads; made beforehand, since an error too allocates nothing.
    static byte[] text(int error) {
        return switch (error) {
            case Nbd.EPERM -> NOT_PERMITTED;
            case Nbd.EIO -> IO;
            case Nbd.ENOMEM -> NO_MEMORY;
            case Nbd.EINVAL -> INVALID;
            case Nbd.ENOSPC -> NO_SPACE;
            case Nbd.ENOTSUP -> UNSUPPORTED;
            case Nbd.ESHUTDOWN -> SHUT_DOWN;
            default -> OTHER;
        };
    }

    private static byte[] text(String words) {
        byte[] bytes = words.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_TEXT) {
            throw new IllegalArgumentException(words);
        }
        return bytes;
    }
}
