package helix.hal.vhostuser;

/// Offsets and bits of virtio over PCI. Virtio 1.2, section 4.1.
final class VirtioPci {
    static final int VENDOR = 0x1AF4;

    /// 4.1.2.1: plus the virtio device id.
    static final int FIRST_DEVICE = 0x1040;

    /// 4.1.2.1: any id from 0x40 on.
    static final int SUBSYSTEM = 0x1100;

    static final int NO_VECTOR = 0xFFFF;

    /// 2.1, device status.
    static final int DRIVER_OK = 4;

    static final int FEATURES_OK = 8;
    static final int NEEDS_RESET = 64;

    /// 4.1.4.5: the bit for config changes.
    static final int ISR_CONFIG = 2;

    private VirtioPci() {}

    /// BAR 0: a part each for the structures of 4.1.4 and for MSI-X.
    static final class Bar {
        static final int SHIFT = 15;
        static final int SIZE = 1 << SHIFT;
        static final int COMMON = 0;
        static final int COMMON_SIZE = 56;
        static final int ISR = 0x800;
        static final int ISR_SIZE = 1;
        static final int DEVICE = 0x1000;
        static final int NOTIFY = 0x2000;
        static final int NOTIFY_MULTIPLIER = 4;
        static final int MSIX_TABLE = 0x4000;
        static final int PENDING = 0x6000;
        static final int PENDING_SIZE = 64;

        private Bar() {}
    }

    /// struct virtio_pci_common_cfg, 4.1.4.3.
    static final class Common {
        static final int DEVICE_FEATURE_SELECT = 0;
        static final int DEVICE_FEATURE = 4;
        static final int DRIVER_FEATURE_SELECT = 8;
        static final int DRIVER_FEATURE = 12;
        static final int CONFIG_MSIX_VECTOR = 16;
        static final int NUM_QUEUES = 18;
        static final int DEVICE_STATUS = 20;
        static final int CONFIG_GENERATION = 21;
        static final int QUEUE_SELECT = 22;
        static final int QUEUE_SIZE = 24;
        static final int QUEUE_MSIX_VECTOR = 26;
        static final int QUEUE_ENABLE = 28;
        static final int QUEUE_NOTIFY_OFF = 30;
        static final int QUEUE_DESC = 32;
        static final int QUEUE_DRIVER = 40;
        static final int QUEUE_DEVICE = 48;

        private Common() {}
    }
}
