package helix.modules.api;

import java.util.Map;

/// What a module is told of.
public sealed interface Event {
    /// A second has passed, about.
    ///
    /// @param nanoTime when, by `System.nanoTime()`
    record Tick(long nanoTime) implements Event {}

    /// The platform is about to end.
    record Shutdown() implements Event {}

    /// Memory is short; caches should be dropped.
    record MemoryPressure() implements Event {}

    /// The device is no longer there; `stop` follows. Requests in flight should end with an error
    /// now.
    record DeviceRemoved() implements Event {}

    /// Something between a driver and those who know it.
    ///
    /// @param name what
    /// @param properties details
    record Custom(String name, Map<String, Object> properties) implements Event {}
}
