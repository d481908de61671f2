package helix.hal.vhostuser;

/// The peer is gone, does not answer in time, or answers what it must not. The connection is of no
/// use any more.
final class PeerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// Describes what went wrong.
    ///
    /// @param message one line for a person
    PeerException(String message) {
        super(message);
    }

    PeerException(String message, Throwable cause) {
        super(message, cause);
    }
}
