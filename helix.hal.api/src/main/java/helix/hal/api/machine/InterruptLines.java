package helix.hal.api.machine;

import org.osgi.annotation.versioning.ConsumerType;

/// A machine's level-triggered interrupt lines.
@ConsumerType
public interface InterruptLines {
    /// Asks that an eventfd be signalled each time the line goes up. Several may be connected to a
    /// line.
    ///
    /// @param line the line's number
    /// @param eventFd an eventfd that stays open until the subscription is closed
    /// @return ends the connection
    /// @throws helix.hal.api.DeviceException if the machine has no such line
    Machine.Subscription connect(int line, int eventFd);

    /// Whether the line is up now.
    ///
    /// @param line the line's number
    /// @return its level as last seen
    boolean isRaised(int line);
}
