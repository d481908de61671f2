package helix.driver.block.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A block device for [DriverRehearsal]: it moves no data and ends each request well, when it is
/// told to. Split queues with indirect descriptors only.
final class RehearsedDevice implements VirtioTransport {
    static final int QUEUES = 2;
    private static final int ENTRIES = 128;
    private static final long FEATURES =
            VirtioFeature.VERSION_1
                    | VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_EVENT_IDX
                    | Blk.F_MQ
                    | Blk.F_FLUSH
                    | Blk.F_DISCARD
                    | Blk.F_WRITE_ZEROES;
    private static final int DESCRIPTOR_BYTES = 16;
    private static final int NEXT = 1;
    private static final int INDIRECT = 4;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final RehearsalHal hal;
    private final MmioRegion config;
    private final MmioRegion doorbells;
    private final long[][] areas = new long[QUEUES][];
    private int status;

    RehearsedDevice(RehearsalHal hal, Rehearsal scratch) {
        this.hal = hal;
        config = scratch.registers(64);
        config.write32(0, 1 << 20); // capacity in sectors
        config.write16(34, QUEUES); // num_queues
        config.write32(36, 1 << 16); // max_discard_sectors
        config.write32(48, 1 << 16); // max_write_zeroes_sectors
        doorbells = scratch.registers(64);
    }

    /// Ends what is available.
    ///
    /// @param leave how many requests of each queue are left
    void complete(int leave) {
        for (long[] area : areas) {
            if (area != null) {
                complete(area, leave);
            }
        }
    }

    private void complete(long[] area, int leave) {
        int available = word(area[1] + 2);
        int used = word(area[2] + 2);
        int todo = Math.max(0, ((available - used) & 0xFFFF) - leave);
        for (int i = 0; i < todo; i++) {
            int head = word(area[1] + 4 + 2L * (used % ENTRIES));
            end(area[0], head);
            long element = area[2] + 4 + 8L * (used % ENTRIES);
            put(element, head);
            put(element + 4, 1);
            used = (used + 1) & 0xFFFF;
        }
        // Notifications are wanted for the next one, section 2.7.10.
        half(area[2] + 4 + 8L * ENTRIES, available);
        half(area[2] + 2, used);
    }

    /// The status is the last thing of each request.
    private void end(long table, int head) {
        long at = table + (long) head * DESCRIPTOR_BYTES;
        if ((word(at + 12) & INDIRECT) != 0) {
            DmaBuffer memory = hal.at(at);
            long inner = memory.segment().get(LONG, at - memory.address());
            int bytes = memory.segment().get(INT, at + 8 - memory.address());
            at = inner + bytes - DESCRIPTOR_BYTES;
        } else {
            while ((word(at + 12) & NEXT) != 0) {
                at = table + (long) word(at + 14) * DESCRIPTOR_BYTES;
            }
        }
        DmaBuffer memory = hal.at(at);
        long address = memory.segment().get(LONG, at - memory.address());
        DmaBuffer target = hal.at(address);
        target.segment().set(ValueLayout.JAVA_BYTE, address - target.address(), (byte) Blk.S_OK);
    }

    private int word(long address) {
        DmaBuffer memory = hal.at(address);
        return memory.segment().get(SHORT, address - memory.address()) & 0xFFFF;
    }

    private void half(long address, int value) {
        DmaBuffer memory = hal.at(address);
        memory.segment().set(SHORT, address - memory.address(), (short) value);
    }

    private void put(long address, int value) {
        DmaBuffer memory = hal.at(address);
        memory.segment().set(INT, address - memory.address(), value);
    }

    // ---- Registers

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
        // All are accepted.
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
        return QUEUES;
    }

    @Override
    public int queueSize(int queue) {
        return ENTRIES;
    }

    @Override
    public void enableQueue(
            int queue, int size, long descriptors, long driver, long device, int vector) {
        areas[queue] = new long[] {descriptors, driver, device};
    }

    @Override
    public void queueVector(int queue, int vector) {
        // Nothing is raised.
    }

    @Override
    public void configVector(int vector) {
        // Nothing is raised.
    }

    @Override
    public void resetQueue(int queue) {
        areas[queue] = new long[0];
    }

    @Override
    public boolean isQueueEnabled(int queue) {
        return true;
    }

    @Override
    public MmioRegion doorbell(int queue) {
        return doorbells.slice(4L * queue, 4);
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
