package helix.hal.api;

import java.time.Duration;
import org.osgi.annotation.versioning.ConsumerType;

/// Told when an interrupt handler misbehaves: a service that the modules' supervisor publishes.
/// Called on threads of the HAL; returns soon and does not wait for the lease's end.
@ConsumerType
public interface InterruptFaultListener {
    /// A handler threw. The vector stays as it is.
    ///
    /// @param lease whose handler it is
    /// @param vector the vector's index
    /// @param cause what it threw
    void handlerFailed(Lease lease, int vector, Throwable cause);

    /// A vector came so often, or its line never went down, that it was masked.
    ///
    /// @param lease whose vector it is
    /// @param vector the vector's index
    /// @param reason one line
    default void stormMasked(Lease lease, int vector, String reason) {}

    /// A handler has not returned for a while. Said once a call.
    ///
    /// @param lease whose handler it is
    /// @param vector the vector's index
    /// @param since how long it has been running
    default void handlerStuck(Lease lease, int vector, Duration since) {}
}
