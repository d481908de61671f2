package helix.hal.internal.lease;

import helix.hal.api.Deadline;
import org.jspecify.annotations.Nullable;

/// Something of a lease that runs the holder's code, and can be made to stop.
public interface Fence {
    /// Stops it for good, in the device too, and waits until none of the holder's code runs any
    /// more.
    ///
    /// @return false if it still runs at the deadline; it will run no more once it returns
    boolean stop(Deadline deadline);

    /// Makes the holder's code run no more and leaves the device as it is, for [#next].
    ///
    /// @return false if it still runs at the deadline; then it is stopped in the device too, and
    ///   there is nothing to pass on any more
    boolean halt(Deadline deadline);

    /// What [#halt] left goes to the next lease, and with it whatever came meanwhile. Accesses no
    /// hardware.
    ///
    /// @return the same for the next lease, not running yet; null if it was stopped
    @Nullable Fence next(GrantedLease lease);
}
