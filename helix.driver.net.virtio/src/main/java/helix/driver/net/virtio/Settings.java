package helix.driver.net.virtio;

import java.time.Duration;

/// Limits and wishes. Tests shorten them.
///
/// @param resetTimeout how long a reset and the agreement on features may take
/// @param controlTimeout how long a command of the control queue, or the reset of a queue, may
///   take; agents wait for some, which may not stay away for a second
/// @param sendTimeout how long a plain call waits for a frame to be taken
/// @param watchPeriod how often the device's health is looked at
/// @param maxPairs the most pairs of queues to set up
/// @param maxDepth the most entries of a queue
record Settings(
        Duration resetTimeout,
        Duration controlTimeout,
        Duration sendTimeout,
        Duration watchPeriod,
        int maxPairs,
        int maxDepth) {

    /// What a driver uses outside of tests. A device behind a socket may have to wait for its peer
    /// when features are agreed upon, hence the long limit.
    static Settings standard() {
        return new Settings(
                Duration.ofSeconds(9),
                Duration.ofMillis(500),
                Duration.ofSeconds(1),
                Duration.ofMillis(100),
                8,
                1024);
    }
}
