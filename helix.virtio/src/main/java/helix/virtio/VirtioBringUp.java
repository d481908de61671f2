package helix.virtio;

import helix.hal.api.Deadline;

/// The initialization of a virtio device by the book: VIRTIO 1.2, section 3.1.1.
public final class VirtioBringUp {
    private VirtioBringUp() {}

    /// Resets the device and waits until it reads back 0, section 2.4.
    ///
    /// @param transport the device
    /// @param deadline until when
    /// @return whether it confirmed
    public static boolean reset(VirtioTransport transport, Deadline deadline) {
        throw new UnsupportedOperationException("not yet: " + deadline);
    }

    /// Steps 1 to 6: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK and its read-back.
    /// `VERSION_1` is always required, `ACCESS_PLATFORM` accepted where offered.
    ///
    /// @param transport the device
    /// @param supported the features that the driver can deal with
    /// @param required those without which it cannot work
    /// @param deadline until when
    /// @return what is agreed upon
    /// @throws helix.hal.api.DeviceException if a required feature is not offered, naming its bit,
    ///   or the device does not accept what it offered itself; it then has the status FAILED
    public static long negotiate(
            VirtioTransport transport, long supported, long required, Deadline deadline) {
        throw new UnsupportedOperationException("not yet: " + deadline);
    }

    /// Step 8: DRIVER_OK, after queues are enabled.
    ///
    /// @param transport the device
    /// @throws helix.hal.api.DeviceException if the device needs a reset at once
    public static void ready(VirtioTransport transport) {
        throw new UnsupportedOperationException("not yet: " + transport);
    }
}
