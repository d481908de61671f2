package helix.driver.bus.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.MmioRegion;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;

/// A virtio device's registers on PCI, section 4.1.4. It remembers nothing: what was negotiated is
/// asked of the device, so that a generation which takes a device over sees what it is like.
///
/// Fields are accessed by their own width, 64-bit ones as two halves: section 4.1.3.1.
final class PciTransport implements VirtioTransport {
    private static final int LARGEST_QUEUE = 32768;

    /// A doorbell takes 16 bits; 32 only with NOTIFICATION_DATA, which is not used.
    private static final long DOORBELL = 2;

    private final String name;
    private final MmioRegion common;
    private final MmioRegion notify;
    private final long multiplier;
    private final MmioRegion isr;
    private final MmioRegion config;
    private final int vectors;

    /// @param name the device, for messages
    /// @param common the common configuration
    /// @param notify the notifications
    /// @param multiplier from a queue's notification offset to bytes
    /// @param isr the interrupt status
    /// @param config the device's own configuration
    /// @param vectors how many MSI-X vectors the function has
    PciTransport(
            String name,
            MmioRegion common,
            MmioRegion notify,
            long multiplier,
            MmioRegion isr,
            MmioRegion config,
            int vectors) {
        this.name = name;
        this.common = common;
        this.notify = notify;
        this.multiplier = multiplier;
        this.isr = isr;
        this.config = config;
        this.vectors = vectors;
    }

    @Override
    public int status() {
        return common.read8(CommonConfig.DEVICE_STATUS_8);
    }

    @Override
    public void status(int bits) {
        common.write8(CommonConfig.DEVICE_STATUS_8, bits);
    }

    /// What is offered, without features whose registers the structure is too short for.
    @Override
    public long deviceFeatures() {
        common.write32(CommonConfig.DEVICE_FEATURE_SELECT_32, 0);
        long low = Integer.toUnsignedLong(common.read32(CommonConfig.DEVICE_FEATURE_32));
        common.write32(CommonConfig.DEVICE_FEATURE_SELECT_32, 1);
        long high = Integer.toUnsignedLong(common.read32(CommonConfig.DEVICE_FEATURE_32));
        long offered = high << 32 | low;
        if (common.size() < CommonConfig.QUEUE_NOTIFY_DATA + 2) {
            offered &= ~VirtioFeature.NOTIF_CONFIG_DATA;
        }
        if (common.size() < CommonConfig.QUEUE_RESET + 2) {
            offered &= ~VirtioFeature.RING_RESET;
        }
        return offered;
    }

    @Override
    public void driverFeatures(long bits) {
        common.write32(CommonConfig.DRIVER_FEATURE_SELECT_32, 0);
        common.write32(CommonConfig.DRIVER_FEATURE_32, (int) bits);
        common.write32(CommonConfig.DRIVER_FEATURE_SELECT_32, 1);
        common.write32(CommonConfig.DRIVER_FEATURE_32, (int) (bits >>> 32));
    }

    /// Whether a feature was accepted, of those from bit 32 on.
    private boolean isAccepted(long feature) {
        common.write32(CommonConfig.DRIVER_FEATURE_SELECT_32, 1);
        long high = Integer.toUnsignedLong(common.read32(CommonConfig.DRIVER_FEATURE_32));
        return (high << 32 & feature) != 0;
    }

    @Override
    public int configGeneration() {
        return common.read8(CommonConfig.CONFIG_GENERATION_8);
    }

    @Override
    public MmioRegion config() {
        return config;
    }

    @Override
    public int queueCount() {
        return common.read16(CommonConfig.NUM_QUEUES);
    }

    @Override
    public int queueSize(int queue) {
        select(queue);
        return checkedSize(queue);
    }

    private int checkedSize(int queue) {
        int size = common.read16(CommonConfig.QUEUE_SIZE);
        if (size > LARGEST_QUEUE) {
            throw new DeviceException(
                    "%s: queue %d has %d entries; the most that there can be are %d"
                            .formatted(name, queue, size, LARGEST_QUEUE));
        }
        return size;
    }

    private void select(int queue) {
        if (queue < 0 || queue > 0xFFFF) {
            throw new IllegalArgumentException(name + ": no queue " + queue);
        }
        common.write16(CommonConfig.QUEUE_SELECT, queue);
    }

    @Override
    public void enableQueue(
            int queue, int size, long descriptors, long driver, long device, int vector) {
        select(queue);
        int most = checkedSize(queue);
        if (most == 0) {
            throw new DeviceException(name + ": queue " + queue + " is not available");
        }
        requireSize(queue, size, most);
        common.write16(CommonConfig.QUEUE_SIZE, size);
        requireReadBack(queue, "queue_size", CommonConfig.QUEUE_SIZE, size);
        write64(CommonConfig.QUEUE_DESC_64, descriptors);
        write64(CommonConfig.QUEUE_DRIVER_64, driver);
        write64(CommonConfig.QUEUE_DEVICE_64, device);
        mapVector("queue " + queue, CommonConfig.QUEUE_MSIX_VECTOR, vector);
        common.write16(CommonConfig.QUEUE_ENABLE, 1);
        requireReadBack(queue, "queue_enable", CommonConfig.QUEUE_ENABLE, 1);
    }

    private void requireSize(int queue, int size, int most) {
        if (size < 1) {
            throw new IllegalArgumentException(
                    "%s: no queue %d of %d entries".formatted(name, queue, size));
        }
        if (size > most) {
            // What is asked for comes from what the device said before: it has changed its mind.
            throw new DeviceException(
                    "%s: queue %d has 1 to %d entries, not %d".formatted(name, queue, most, size));
        }
        if (Integer.bitCount(size) != 1 && !isAccepted(VirtioFeature.RING_PACKED)) {
            throw new IllegalArgumentException(
                    "%s: the size of split queue %d is a power of 2, not %d"
                            .formatted(name, queue, size));
        }
    }

    private void requireReadBack(int queue, String field, long offset, int written) {
        int read = common.read16(offset);
        if (read != written) {
            throw new DeviceException(
                    "%s: queue %d: %s reads %d after %d was written"
                            .formatted(name, queue, field, read, written));
        }
    }

    private void write64(long offset, long value) {
        common.write32(offset, (int) value);
        common.write32(offset + 4, (int) (value >>> 32));
    }

    @Override
    public void queueVector(int queue, int vector) {
        select(queue);
        mapVector("queue " + queue, CommonConfig.QUEUE_MSIX_VECTOR, vector);
    }

    @Override
    public void configVector(int vector) {
        mapVector("the configuration", CommonConfig.CONFIG_MSIX_VECTOR, vector);
    }

    /// Section 4.1.5.1.2: never beyond the table, and read back, since the device may refuse.
    private void mapVector(String what, long offset, int vector) {
        if (vector != NO_VECTOR && (vector < 0 || vector >= vectors)) {
            throw new DeviceException(
                    "%s: no vector %d for %s; the MSI-X table has %d entries"
                            .formatted(name, vector, what, vectors));
        }
        common.write16(offset, vector);
        int read = vector == NO_VECTOR ? NO_VECTOR : common.read16(offset);
        if (read != vector) {
            throw new DeviceException(
                    "%s: the device refuses vector %d for %s; it reads 0x%x"
                            .formatted(name, vector, what, read));
        }
    }

    @Override
    public void resetQueue(int queue) {
        if (!isAccepted(VirtioFeature.RING_RESET)) {
            throw new IllegalStateException(name + ": RING_RESET was not negotiated");
        }
        select(queue);
        common.write16(CommonConfig.QUEUE_RESET, 1);
    }

    /// A queue that is being reset still counts: section 4.1.4.3.2 wants both registers to read 0.
    @Override
    public boolean isQueueEnabled(int queue) {
        boolean resets = isAccepted(VirtioFeature.RING_RESET);
        select(queue);
        return common.read16(CommonConfig.QUEUE_ENABLE) != 0
                || (resets && common.read16(CommonConfig.QUEUE_RESET) != 0);
    }

    @Override
    public MmioRegion doorbell(int queue) {
        select(queue);
        long offset = common.read16(CommonConfig.QUEUE_NOTIFY_OFF) * multiplier;
        if (offset + DOORBELL > notify.size()) {
            throw new DeviceException(
                    "%s: NOTIFY_CFG has %d bytes; queue %d is notified at 0x%x"
                            .formatted(name, notify.size(), queue, offset));
        }
        return notify.slice(offset, DOORBELL);
    }

    @Override
    public int doorbellValue(int queue) {
        if (!isAccepted(VirtioFeature.NOTIF_CONFIG_DATA)) {
            return queue;
        }
        select(queue);
        return common.read16(CommonConfig.QUEUE_NOTIFY_DATA);
    }

    @Override
    public int interruptStatus() {
        return isr.read8(0);
    }
}
