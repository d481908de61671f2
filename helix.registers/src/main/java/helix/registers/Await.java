package helix.registers;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceTimeoutException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/// Waits for a device that end: with the event, or at their limit with a message that shows the
/// registers.
public final class Await {
    private static final long PAUSE_NANOS = 50_000;
    private static final int SPINS = 20;

    private Await() {}

    /// Waits until a condition holds. Asks often at first, then every 50 µs or so. An interrupt of
    /// the thread does not end the wait.
    ///
    /// @param device the device's name, for the message
    /// @param event what is awaited: `CSTS.RDY = 1`
    /// @param limit how long
    /// @param condition asked until it holds
    /// @param registers shown when the time is up: `CC=00460001 CSTS=00000000`
    /// @throws DeviceTimeoutException when the time is up, such as `nvme0: no CSTS.RDY = 1 after
    ///   PT0.5S; CC=…`
    public static void until(
            String device,
            String event,
            Duration limit,
            BooleanSupplier condition,
            Supplier<String> registers) {
        Deadline deadline = Deadline.after(limit);
        for (int round = 0; !condition.getAsBoolean(); round++) {
            if (deadline.isExpired()) {
                throw new DeviceTimeoutException(
                        device + ": no " + event + " after " + limit + "; " + registers.get());
            }
            if (round < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }
}
