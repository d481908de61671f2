package helix.hal.sim.virtio;

/// What a driver sets for a queue in struct virtio_pci_common_cfg: VIRTIO 1.2, section 4.1.4.3.
class QueueRegisters {
    static final int NO_VECTOR = 0xFFFF;

    final int index;
    final int maxSize;
    int size;
    int vector;
    boolean enabled;
    long descriptorArea;
    long driverArea;
    long deviceArea;

    QueueRegisters(int index, int maxSize) {
        this.index = index;
        this.maxSize = maxSize;
        clear();
    }

    /// The values after a reset of the device.
    final void clear() {
        vector = NO_VECTOR;
        clearQueue();
    }

    /// The values after a reset of the queue, which leaves its vector alone.
    final void clearQueue() {
        size = maxSize;
        enabled = false;
        descriptorArea = 0;
        driverArea = 0;
        deviceArea = 0;
    }
}
