package helix.driver.kit.virtio;

import helix.hal.api.machine.BusAccess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Registers that are plain memory.
///
/// @param memory little endian
record SegmentBus(MemorySegment memory) implements BusAccess {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public byte read8(long address) {
        return memory.get(ValueLayout.JAVA_BYTE, address);
    }

    @Override
    public short read16(long address) {
        return memory.get(SHORT, address);
    }

    @Override
    public int read32(long address) {
        return memory.get(INT, address);
    }

    @Override
    public long read64(long address) {
        return memory.get(LONG, address);
    }

    @Override
    public void write8(long address, byte value) {
        memory.set(ValueLayout.JAVA_BYTE, address, value);
    }

    @Override
    public void write16(long address, short value) {
        memory.set(SHORT, address, value);
    }

    @Override
    public void write32(long address, int value) {
        memory.set(INT, address, value);
    }

    @Override
    public void write64(long address, long value) {
        memory.set(LONG, address, value);
    }
}
