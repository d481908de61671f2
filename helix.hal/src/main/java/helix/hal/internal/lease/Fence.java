package helix.hal.internal.lease;

import helix.hal.api.Deadline;

/// Something of a lease that runs the holder's code, and can be made to stop.
public interface Fence {
    /// Stops it and waits until none of the holder's code runs any more.
    ///
    /// @return false if it still runs at the deadline; it will run no more once it returns
    boolean stop(Deadline deadline);
}
