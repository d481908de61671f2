package helix.virtio;

/// Bits of the device status, VIRTIO 1.2, section 2.1.
public final class DeviceStatus {
    /// The driver has found the device.
    public static final int ACKNOWLEDGE = 1;

    /// There is a driver for it.
    public static final int DRIVER = 2;

    /// The driver is set up.
    public static final int DRIVER_OK = 4;

    /// Features are agreed upon.
    public static final int FEATURES_OK = 8;

    /// The device has met an error that it cannot get out of.
    public static final int DEVICE_NEEDS_RESET = 64;

    /// The driver has given up.
    public static final int FAILED = 128;

    private DeviceStatus() {}
}
