package helix.hal.internal.irq;

import helix.hal.api.Lease;
import java.time.Duration;

/// What dispatching threads tell the service.
interface InterruptReports {
    /// A handler threw.
    void failed(Lease lease, int vector, Throwable cause);

    /// A vector was masked.
    void storm(Lease lease, int vector, String reason);

    /// A handler does not return.
    void stuck(Lease lease, int vector, Duration since);

    /// A line is up after one of those who share it has been served.
    void lineStillUp(Vectors by);

    /// A thread is at its end.
    void ended(Vectors vectors);
}
