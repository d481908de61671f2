package helix.driver.net.virtio;

import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;

/// Registers of a device that there is not: they keep what is written, and offer what a usual
/// device offers.
final class RehearsalTransport implements VirtioTransport {
    static final long FEATURES =
            VirtioFeature.VERSION_1
                    | VirtioFeature.RING_EVENT_IDX
                    | VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_RESET
                    | NetFeature.MAC
                    | NetFeature.MRG_RXBUF
                    | NetFeature.STATUS;

    private static final int CONFIG_BYTES = 24;
    private static final int QUEUE_SIZE = 256;

    private final MmioRegion config;
    private final MmioRegion doorbell;
    private int status;

    RehearsalTransport(Rehearsal scratch) {
        config = scratch.registers(CONFIG_BYTES);
        doorbell = scratch.registers(Long.BYTES);
        config.write8(5, 1);
        config.write16(6, NetConfig.LINK_UP);
    }

    @Override
    public int status() {
        return status;
    }

    @Override
    public void status(int bits) {
        status = bits;
    }

    @Override
    public long deviceFeatures() {
        return FEATURES;
    }

    @Override
    public void driverFeatures(long bits) {
        // As offered.
    }

    @Override
    public int configGeneration() {
        return 0;
    }

    @Override
    public MmioRegion config() {
        return config;
    }

    @Override
    public int queueCount() {
        return 2;
    }

    @Override
    public int queueSize(int queue) {
        return QUEUE_SIZE;
    }

    @Override
    public void enableQueue(
            int queue, int size, long descriptors, long driver, long device, int vector) {
        // The rehearsal asks the ring where it is.
    }

    @Override
    public void queueVector(int queue, int vector) {
        // No interrupt comes.
    }

    @Override
    public void configVector(int vector) {
        // No interrupt comes.
    }

    @Override
    public void resetQueue(int queue) {
        // Nothing is in it.
    }

    @Override
    public boolean isQueueEnabled(int queue) {
        return false;
    }

    @Override
    public MmioRegion doorbell(int queue) {
        return doorbell;
    }

    @Override
    public int doorbellValue(int queue) {
        return queue;
    }

    @Override
    public int interruptStatus() {
        return 0;
    }
}
