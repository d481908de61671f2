package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;

/// struct virtio_pci_common_cfg: VIRTIO 1.2, section 4.1.4.3.
final class CommonConfig {
    private static final int DEVICE_FEATURE_SELECT = 0x00;
    private static final int DEVICE_FEATURE = 0x04;
    private static final int DRIVER_FEATURE_SELECT = 0x08;
    private static final int DRIVER_FEATURE = 0x0C;
    private static final int CONFIG_MSIX_VECTOR = 0x10;
    private static final int NUM_QUEUES = 0x12;
    private static final int DEVICE_STATUS = 0x14;
    private static final int CONFIG_GENERATION = 0x15;
    private static final int QUEUE_SELECT = 0x16;
    private static final int QUEUE_SIZE = 0x18;
    private static final int QUEUE_MSIX_VECTOR = 0x1A;
    private static final int QUEUE_ENABLE = 0x1C;
    private static final int QUEUE_NOTIFY_OFF = 0x1E;
    private static final int QUEUE_DESC = 0x20;
    private static final int QUEUE_DRIVER = 0x28;
    private static final int QUEUE_DEVICE = 0x30;
    private static final int QUEUE_NOTIFY_DATA = 0x38;
    private static final int QUEUE_RESET = 0x3A;
    private static final int END = 0x3C;

    private static final int[] WIDTHS = new int[END];

    static {
        for (int at :
                new int[] {
                    DEVICE_FEATURE_SELECT,
                    DEVICE_FEATURE,
                    DRIVER_FEATURE_SELECT,
                    DRIVER_FEATURE,
                    QUEUE_DESC,
                    QUEUE_DESC + 4,
                    QUEUE_DRIVER,
                    QUEUE_DRIVER + 4,
                    QUEUE_DEVICE,
                    QUEUE_DEVICE + 4
                }) {
            WIDTHS[at] = 4;
        }
        for (int at :
                new int[] {
                    CONFIG_MSIX_VECTOR,
                    NUM_QUEUES,
                    QUEUE_SELECT,
                    QUEUE_SIZE,
                    QUEUE_MSIX_VECTOR,
                    QUEUE_ENABLE,
                    QUEUE_NOTIFY_OFF,
                    QUEUE_NOTIFY_DATA,
                    QUEUE_RESET
                }) {
            WIDTHS[at] = 2;
        }
        WIDTHS[DEVICE_STATUS] = 1;
        WIDTHS[CONFIG_GENERATION] = 1;
    }

    private final VirtioPciModel model;
    private final DeviceContext device;
    private final VirtQueue[] queues;
    private final QueueRegisters nothing = new QueueRegisters(0xFFFF, 0);
    private long deviceFeatureSelect;
    private long driverFeatureSelect;
    private int queueSelect;

    CommonConfig(VirtioPciModel model, DeviceContext device, VirtQueue[] queues) {
        this.model = model;
        this.device = device;
        this.queues = queues;
    }

    void reset() {
        deviceFeatureSelect = 0;
        driverFeatureSelect = 0;
        queueSelect = 0;
    }

    private QueueRegisters queue() {
        return queueSelect < queues.length ? queues[queueSelect] : nothing;
    }

    private boolean isIllegal(int offset, int width, String access) {
        if (offset < END && WIDTHS[offset] == width) {
            return false;
        }
        device.violation(
                "width of a register access (VIRTIO 1.2, 4.1.3.1)",
                "common configuration: %s of %d bytes at 0x%x".formatted(access, width, offset));
        return true;
    }

    long read(int offset, int width) {
        if (isIllegal(offset, width, "read")) {
            return 0;
        }
        return switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect;
            case DEVICE_FEATURE -> half(model.offered(), deviceFeatureSelect);
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect;
            case DRIVER_FEATURE -> half(model.driverFeatures(), driverFeatureSelect);
            case CONFIG_MSIX_VECTOR -> model.configVector();
            case NUM_QUEUES -> queues.length;
            case DEVICE_STATUS -> model.status();
            case CONFIG_GENERATION -> model.generation();
            case QUEUE_SELECT -> queueSelect;
            default -> readQueue(offset);
        };
    }

    private long readQueue(int offset) {
        QueueRegisters queue = queue();
        return switch (offset) {
            case QUEUE_SIZE -> queue.size;
            case QUEUE_MSIX_VECTOR -> queue.vector;
            case QUEUE_ENABLE -> queue.enabled ? 1 : 0;
            case QUEUE_NOTIFY_OFF, QUEUE_NOTIFY_DATA ->
                    queueSelect < queues.length ? queueSelect : 0;
            case QUEUE_DESC -> queue.descriptorArea & 0xFFFF_FFFFL;
            case QUEUE_DESC + 4 -> queue.descriptorArea >>> 32;
            case QUEUE_DRIVER -> queue.driverArea & 0xFFFF_FFFFL;
            case QUEUE_DRIVER + 4 -> queue.driverArea >>> 32;
            case QUEUE_DEVICE -> queue.deviceArea & 0xFFFF_FFFFL;
            case QUEUE_DEVICE + 4 -> queue.deviceArea >>> 32;
            // A reset of a queue is over at once.
            default -> 0;
        };
    }

    private static long half(long bits, long select) {
        if (select == 0) {
            return bits & 0xFFFF_FFFFL;
        }
        return select == 1 ? bits >>> 32 : 0;
    }

    void write(int offset, int width, long value) {
        if (isIllegal(offset, width, "write")) {
            return;
        }
        switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect = value;
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect = value;
            case DRIVER_FEATURE -> model.driverFeatures(driverFeatureSelect, value);
            case CONFIG_MSIX_VECTOR -> model.configVector(vector((int) value));
            case DEVICE_STATUS -> model.writeStatus((int) value);
            case QUEUE_SELECT -> queueSelect = (int) value;
            case DEVICE_FEATURE,
                    NUM_QUEUES,
                    CONFIG_GENERATION,
                    QUEUE_NOTIFY_OFF,
                    QUEUE_NOTIFY_DATA ->
                    device.violation(
                            "write of a read-only register (VIRTIO 1.2, 4.1.4.3.2)",
                            "common configuration at 0x%x".formatted(offset));
            default -> writeQueue(offset, value);
        }
    }

    /// 4.1.5.1.2: what cannot be mapped reads NO_VECTOR.
    private int vector(int value) {
        if (value == QueueRegisters.NO_VECTOR || value < model.vectors()) {
            return value;
        }
        device.violation(
                "vector beyond the MSI-X table (VIRTIO 1.2, 4.1.5.1.2.2)",
                "%d of %d".formatted(value, model.vectors()));
        return QueueRegisters.NO_VECTOR;
    }

    private void writeQueue(int offset, long value) {
        if (queueSelect >= queues.length) {
            device.violation(
                    "no such queue (VIRTIO 1.2, 4.1.4.3)",
                    "write of 0x%x at 0x%x for queue %d".formatted(value, offset, queueSelect));
            return;
        }
        VirtQueue queue = queues[queueSelect];
        switch (offset) {
            case QUEUE_MSIX_VECTOR -> queue.vector = vector((int) value);
            case QUEUE_ENABLE -> enable(queue, value);
            case QUEUE_RESET -> resetQueue(queue, value);
            default -> configure(queue, offset, value);
        }
    }

    private void configure(VirtQueue queue, int offset, long value) {
        if (queue.enabled) {
            device.violation(
                    "a queue is configured before it is enabled (VIRTIO 1.2, 4.1.4.3.2)",
                    "queue %d is enabled; write of 0x%x at 0x%x"
                            .formatted(queue.index, value, offset));
            return;
        }
        switch (offset) {
            case QUEUE_SIZE -> size(queue, (int) value);
            case QUEUE_DESC -> queue.descriptorArea = low(queue.descriptorArea, value);
            case QUEUE_DESC + 4 -> queue.descriptorArea = high(queue.descriptorArea, value);
            case QUEUE_DRIVER -> queue.driverArea = low(queue.driverArea, value);
            case QUEUE_DRIVER + 4 -> queue.driverArea = high(queue.driverArea, value);
            case QUEUE_DEVICE -> queue.deviceArea = low(queue.deviceArea, value);
            case QUEUE_DEVICE + 4 -> queue.deviceArea = high(queue.deviceArea, value);
            default -> throw new AssertionError(offset);
        }
    }

    private static long low(long old, long value) {
        return (old & 0xFFFF_FFFF_0000_0000L) | (value & 0xFFFF_FFFFL);
    }

    private static long high(long old, long value) {
        return (old & 0xFFFF_FFFFL) | (value << 32);
    }

    private void size(VirtQueue queue, int value) {
        boolean packed = (model.driverFeatures() & Feature.RING_PACKED) != 0;
        boolean power = Integer.bitCount(value) == 1;
        if (value == 0 || (!packed && !power) || value > queue.maxSize) {
            device.violation(
                    "queue size (VIRTIO 1.2, 4.1.4.3.2)",
                    "queue %d: %d of %d".formatted(queue.index, value, queue.maxSize));
            return;
        }
        queue.size = value;
    }

    private void enable(VirtQueue queue, long value) {
        boolean packed = (model.driverFeatures() & Feature.RING_PACKED) != 0;
        String wrong = "";
        if (value != 1) {
            wrong = "write of " + value;
        } else if ((model.status() & Status.FEATURES_OK) == 0) {
            wrong = "enabled before FEATURES_OK";
        } else if (queue.enabled) {
            wrong = "enabled twice";
        } else if ((queue.descriptorArea & 15) != 0
                || (queue.driverArea & (packed ? 3 : 1)) != 0
                || (queue.deviceArea & 3) != 0) {
            // 2.7 and 2.8.10.1.
            wrong =
                    "alignment of 0x%x, 0x%x, 0x%x"
                            .formatted(queue.descriptorArea, queue.driverArea, queue.deviceArea);
        }
        if (!wrong.isEmpty()) {
            device.violation(
                    "queue_enable (VIRTIO 1.2, 4.1.4.3.2)", "queue " + queue.index + ": " + wrong);
            return;
        }
        queue.enable(model.driverFeatures());
    }

    private void resetQueue(VirtQueue queue, long value) {
        boolean negotiated = (model.driverFeatures() & Feature.RING_RESET) != 0;
        if (value != 1 || !negotiated) {
            device.violation(
                    "queue_reset (VIRTIO 1.2, 4.1.4.3.2)",
                    negotiated
                            ? "queue %d: write of %d".formatted(queue.index, value)
                            : "RING_RESET is not negotiated");
            return;
        }
        queue.forget(false);
        model.queueReset(queue.index);
    }
}
