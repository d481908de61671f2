package helix.hal.api;

/// A device or machine did not answer within its deadline.
public final class DeviceTimeoutException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// Describes a wait that ended without its event.
    ///
    /// @param message what was awaited, how long, and the registers as last read
    public DeviceTimeoutException(String message) {
        super(message);
    }
}
