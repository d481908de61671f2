package helix.hal.api;

/// Somebody else holds what was asked for.
public final class DeviceBusyException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// Who holds it.
    private final String owner;

    /// Describes a claim that lost.
    ///
    /// @param what what was claimed, such as `0000:00:04.0`
    /// @param owner who holds it
    public DeviceBusyException(String what, String owner) {
        super(what + " is held by " + owner);
        this.owner = owner;
    }

    /// Who holds it.
    ///
    /// @return the holder's name
    public String owner() {
        return owner;
    }
}
