package helix.virtio;

/// Feature bits that are no device type's own, VIRTIO 1.2, section 6.
public final class VirtioFeature {
    /// Descriptors may be in tables.
    public static final long RING_INDIRECT_DESC = 1L << 28;

    /// Notifications are asked for by index.
    public static final long RING_EVENT_IDX = 1L << 29;

    /// Version 1 of the specification, not a legacy device.
    public static final long VERSION_1 = 1L << 32;

    /// The device's addresses are translated.
    public static final long ACCESS_PLATFORM = 1L << 33;

    /// Packed virtqueues.
    public static final long RING_PACKED = 1L << 34;

    /// Buffers are used in the order in which they were made available.
    public static final long IN_ORDER = 1L << 35;

    /// Memory accesses are ordered as the platform's.
    public static final long ORDER_PLATFORM = 1L << 36;

    /// Notifications carry the queue's position. Not supported here.
    public static final long NOTIFICATION_DATA = 1L << 38;

    /// Notifications carry what the device wants.
    public static final long NOTIF_CONFIG_DATA = 1L << 39;

    /// A queue can be reset alone.
    public static final long RING_RESET = 1L << 40;

    private VirtioFeature() {}
}
