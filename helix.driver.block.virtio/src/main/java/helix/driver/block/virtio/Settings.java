package helix.driver.block.virtio;

import java.time.Duration;
import java.util.function.LongSupplier;

/// Limits and wishes. Tests shorten them.
///
/// @param requestTimeout how old a request may become before the device is given up
/// @param resetTimeout how long the device has to confirm a reset
/// @param watchPeriod how often timeouts and the device's health are looked at
/// @param nanoTime the clock of timeouts
record Settings(
        Duration requestTimeout,
        Duration resetTimeout,
        Duration watchPeriod,
        LongSupplier nanoTime) {
    /// System property: how old a request may become, in milliseconds.
    static final String REQUEST_TIMEOUT = "helix.virtio.blk.requestTimeoutMillis";

    /// What a driver uses outside of tests.
    static Settings standard() {
        return new Settings(
                Duration.ofMillis(Long.getLong(REQUEST_TIMEOUT, 10_000)),
                Duration.ofSeconds(5),
                Duration.ofMillis(100),
                System::nanoTime);
    }
}
