package helix.driver.bus.virtio;

/// Offsets in struct virtio_pci_common_cfg, section 4.1.4.3. The name says the width where it is
/// not 16 bits.
final class CommonConfig {
    static final long DEVICE_FEATURE_SELECT_32 = 0x00;
    static final long DEVICE_FEATURE_32 = 0x04;
    static final long DRIVER_FEATURE_SELECT_32 = 0x08;
    static final long DRIVER_FEATURE_32 = 0x0C;
    static final long CONFIG_MSIX_VECTOR = 0x10;
    static final long NUM_QUEUES = 0x12;
    static final long DEVICE_STATUS_8 = 0x14;
    static final long CONFIG_GENERATION_8 = 0x15;
    static final long QUEUE_SELECT = 0x16;
    static final long QUEUE_SIZE = 0x18;
    static final long QUEUE_MSIX_VECTOR = 0x1A;
    static final long QUEUE_ENABLE = 0x1C;
    static final long QUEUE_NOTIFY_OFF = 0x1E;
    static final long QUEUE_DESC_64 = 0x20;
    static final long QUEUE_DRIVER_64 = 0x28;
    static final long QUEUE_DEVICE_64 = 0x30;

    /// Where the structure of version 1.0 ends. What follows came later, each with a feature bit.
    static final long MINIMUM_LENGTH = 0x38;

    static final long QUEUE_NOTIFY_DATA = 0x38;
    static final long QUEUE_RESET = 0x3A;

    /// As much as is used here.
    static final long LENGTH = 0x3C;

    private CommonConfig() {}
}
