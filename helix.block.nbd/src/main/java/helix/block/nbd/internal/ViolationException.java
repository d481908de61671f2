package helix.block.nbd.internal;

import java.io.IOException;

/// What came from a client is not NBD: its connection ends.
final class ViolationException extends IOException {
    private static final long serialVersionUID = 1;

    ViolationException(String message) {
        super(message);
    }
}
