package helix.driver.api.input;

import org.osgi.annotation.versioning.ConsumerType;

/// A device that people press, move or touch. Events are those of Linux's evdev: type, code, value.
@ConsumerType
public interface InputDevice {
    /// What the device calls itself.
    ///
    /// @return a name for people
    String name();

    /// Asks for events.
    ///
    /// @param listener called on a thread of the platform; it returns soon
    /// @return ends the subscription
    AutoCloseable listen(Listener listener);

    /// Told of events.
    @ConsumerType
    @FunctionalInterface
    interface Listener {
        /// An event came.
        ///
        /// @param type EV_KEY and so on
        /// @param code which key or axis
        /// @param value pressed, released, or how far
        void event(int type, int code, int value);
    }
}
