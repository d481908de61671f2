package helix.driver.api.net;

import org.osgi.annotation.versioning.ConsumerType;

/// A queue of frames to send. Frames that were sent go back to the pool by themselves, at a later
/// [#send] or [#reclaim].
@ConsumerType
public interface TxQueue extends NetQueue {
    /// Sends frames from the front of a burst, whole frames only, and shows them to the device.
    /// What was taken is dropped from the burst, and is the queue's.
    ///
    /// @param burst the frames
    /// @return how many entries were taken; fewer if there is no room
    /// @throws IllegalArgumentException if a frame is longer than the device sends, or asks for
    ///   what the device does not compute; it and what follows stay in the burst
    int send(Burst burst);

    /// Gives frames that were sent back to the pool.
    ///
    /// @return how many
    int reclaim();

    /// How many frames were taken and not given back yet.
    ///
    /// @return 0 to [#depth()]
    int inFlight();
}
