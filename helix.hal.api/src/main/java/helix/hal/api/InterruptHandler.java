package helix.hal.api;

/// What a driver does when an interrupt came. Runs on a thread of the platform that serves this
/// device alone.
///
/// It should return soon: a handler that runs for more than a second is taken for stuck.
@FunctionalInterface
public interface InterruptHandler {
    /// Handles an interrupt, or several that came since the last call.
    ///
    /// @param vector the vector's index, 0 for a line
    void interrupt(int vector);
}
