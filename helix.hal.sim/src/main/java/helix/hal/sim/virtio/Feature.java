package helix.hal.sim.virtio;

/// Feature bits that are the same for all devices: VIRTIO 1.2, chapter 6.
final class Feature {
    static final long INDIRECT_DESC = 1L << 28;
    static final long EVENT_IDX = 1L << 29;
    static final long VERSION_1 = 1L << 32;
    static final long ACCESS_PLATFORM = 1L << 33;
    static final long RING_PACKED = 1L << 34;
    static final long IN_ORDER = 1L << 35;
    static final long NOTIFICATION_DATA = 1L << 38;
    static final long RING_RESET = 1L << 40;

    private Feature() {}
}
