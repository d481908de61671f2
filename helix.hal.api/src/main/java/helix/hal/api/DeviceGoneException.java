package helix.hal.api;

/// The hardware is no longer there: unplugged, or its machine ended.
public final class DeviceGoneException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// Describes what is gone.
    ///
    /// @param message which device, and how it was noticed
    public DeviceGoneException(String message) {
        super(message);
    }
}
