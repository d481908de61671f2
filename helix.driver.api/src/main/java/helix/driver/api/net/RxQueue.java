package helix.driver.api.net;

import org.osgi.annotation.versioning.ConsumerType;

/// A queue of frames received. It keeps itself filled with free frames of its pool.
@ConsumerType
public interface RxQueue extends NetQueue {
    /// Takes frames that have come, as many as the burst has room for, whole frames only. They are
    /// the caller's then, to be given back to the pool or sent on.
    ///
    /// @param burst where they are added
    /// @return how many entries were added
    int receive(Burst burst);
}
