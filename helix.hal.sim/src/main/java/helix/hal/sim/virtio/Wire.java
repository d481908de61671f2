package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Little-endian fields of the machine's memory. Plain accesses need no alignment; ordered ones do.
final class Wire {
    private static final VarHandle SHORT = handle(ValueLayout.JAVA_SHORT);
    private static final VarHandle PLAIN_SHORT = handle(ValueLayout.JAVA_SHORT_UNALIGNED);
    private static final VarHandle PLAIN_INT = handle(ValueLayout.JAVA_INT_UNALIGNED);
    private static final VarHandle PLAIN_LONG = handle(ValueLayout.JAVA_LONG_UNALIGNED);

    private Wire() {}

    private static VarHandle handle(ValueLayout layout) {
        return layout.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    }

    static int u8(MemorySegment memory, long offset) {
        return memory.get(ValueLayout.JAVA_BYTE, offset) & 0xFF;
    }

    static int u16(MemorySegment memory, long offset) {
        return (short) PLAIN_SHORT.get(memory, offset) & 0xFFFF;
    }

    static int u16Acquire(MemorySegment memory, long offset) {
        return (short) SHORT.getAcquire(memory, offset) & 0xFFFF;
    }

    static long u32(MemorySegment memory, long offset) {
        return (int) PLAIN_INT.get(memory, offset) & 0xFFFF_FFFFL;
    }

    static long i64(MemorySegment memory, long offset) {
        return (long) PLAIN_LONG.get(memory, offset);
    }

    static void put8(MemorySegment memory, long offset, int value) {
        memory.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    static void put16(MemorySegment memory, long offset, int value) {
        PLAIN_SHORT.set(memory, offset, (short) value);
    }

    static void put16Release(MemorySegment memory, long offset, int value) {
        SHORT.setRelease(memory, offset, (short) value);
    }

    static void put32(MemorySegment memory, long offset, int value) {
        PLAIN_INT.set(memory, offset, value);
    }

    static void put64(MemorySegment memory, long offset, long value) {
        PLAIN_LONG.set(memory, offset, value);
    }
}
