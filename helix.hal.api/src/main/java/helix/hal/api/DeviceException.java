package helix.hal.api;

/// What went wrong with a device or the way to it. The message says what, the limit and the values
/// found.
public class DeviceException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// Describes a failure.
    ///
    /// @param message what failed, for a person
    public DeviceException(String message) {
        super(message);
    }

    /// Describes a failure with its cause.
    ///
    /// @param message what failed, for a person
    /// @param cause what led to it
    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
