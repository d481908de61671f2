package helix.net.ip.internal;

import java.io.IOException;

/// A packet is not what it says to be.
final class MalformedException extends IOException {
    private static final long serialVersionUID = 1;

    MalformedException(String message) {
        super(message);
    }
}
