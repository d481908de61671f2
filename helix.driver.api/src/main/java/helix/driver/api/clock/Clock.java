package helix.driver.api.clock;

import java.time.LocalDateTime;
import org.osgi.annotation.versioning.ConsumerType;

/// A clock that keeps the time of day while the machine is off.
@ConsumerType
public interface Clock {
    /// Reads the clock.
    ///
    /// @return its time, in whatever zone it is kept
    LocalDateTime read();

    /// Sets the clock.
    ///
    /// @param time the new time
    void set(LocalDateTime time);
}
