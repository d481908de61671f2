package helix.hal.api;

/// A handle was used after its lease was revoked: the driver's generation is over.
public final class LeaseRevokedException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// Describes the late use.
    ///
    /// @param what which handle
    /// @param lease the revoked lease
    public LeaseRevokedException(String what, Lease lease) {
        super(what + ": the lease of " + lease.owner() + " is " + lease.state());
    }
}
