package helix.driver.api.net;

import helix.hal.api.DeviceException;

/// A network device did not do what was asked.
public final class NetworkException extends DeviceException {
    private static final long serialVersionUID = 1;

    /// Why.
    public enum Reason {
        /// The device cannot do this.
        UNSUPPORTED,
        /// There is no such queue, or it is open already.
        NO_QUEUE,
        /// There is no link.
        NO_LINK,
        /// The frame is shorter than a header or longer than the device takes.
        FRAME_SIZE,
        /// The device refused or failed within.
        IO_ERROR,
        /// The device did not answer in time.
        TIMED_OUT,
        /// The driver that was asked is gone.
        GENERATION_GONE
    }

    private final Reason reason;

    /// Makes one.
    ///
    /// @param reason why
    /// @param message one line
    public NetworkException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /// Why.
    ///
    /// @return the reason
    public Reason reason() {
        return reason;
    }
}
