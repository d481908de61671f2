package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import java.util.List;

/// What a function's registers ask of the process behind it.
interface Backend {
    /// Waits for a connected back-end that runs no rings.
    ///
    /// @return whether there is one
    boolean awaitPeer(Deadline deadline);

    /// Starts the rings. Returns when that is done or takes long; a failure is told by
    /// [CommonConfig#needsReset()].
    ///
    /// @param features what the driver accepted
    void start(long features, List<QueueState> queues);

    /// Stops the rings; [CommonConfig#resetDone()] says when they surely have stopped. Returns at
    /// once.
    void reset();

    /// A vector interrupts by another eventfd now.
    ///
    /// @param vector which one, -1 for all
    void vectorChanged(int vector);

    /// The driver wrote a writable field of the config space.
    void configWritten(int offset, byte value);
}
