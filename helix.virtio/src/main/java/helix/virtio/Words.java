package helix.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Little-endian words of queue memory. Plain accesses need no alignment, as the elements of a used
/// ring have none of 8; ordered ones do.
final class Words {
    private static final VarHandle SHORT = handle(ValueLayout.JAVA_SHORT);
    private static final VarHandle INT = handle(ValueLayout.JAVA_INT);
    private static final VarHandle LONG = handle(ValueLayout.JAVA_LONG);
    private static final VarHandle PLAIN_SHORT = handle(ValueLayout.JAVA_SHORT_UNALIGNED);
    private static final VarHandle PLAIN_INT = handle(ValueLayout.JAVA_INT_UNALIGNED);
    private static final VarHandle PLAIN_LONG = handle(ValueLayout.JAVA_LONG_UNALIGNED);

    private Words() {}

    private static VarHandle handle(ValueLayout layout) {
        return layout.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    }

    static int u16(MemorySegment memory, long offset) {
        return (short) PLAIN_SHORT.get(memory, offset) & 0xFFFF;
    }

    static int u16Acquire(MemorySegment memory, long offset) {
        return (short) SHORT.getAcquire(memory, offset) & 0xFFFF;
    }

    static int u16Opaque(MemorySegment memory, long offset) {
        return (short) SHORT.getOpaque(memory, offset) & 0xFFFF;
    }

    static int i32(MemorySegment memory, long offset) {
        return (int) PLAIN_INT.get(memory, offset);
    }

    static int i32Opaque(MemorySegment memory, long offset) {
        return (int) INT.getOpaque(memory, offset);
    }

    static long i64(MemorySegment memory, long offset) {
        return (long) PLAIN_LONG.get(memory, offset);
    }

    static long i64Acquire(MemorySegment memory, long offset) {
        return (long) LONG.getAcquire(memory, offset);
    }

    static void i16(MemorySegment memory, long offset, int value) {
        PLAIN_SHORT.set(memory, offset, (short) value);
    }

    static void i16Opaque(MemorySegment memory, long offset, int value) {
        SHORT.setOpaque(memory, offset, (short) value);
    }

    static void i16Release(MemorySegment memory, long offset, int value) {
        SHORT.setRelease(memory, offset, (short) value);
    }

    static void i32(MemorySegment memory, long offset, int value) {
        PLAIN_INT.set(memory, offset, value);
    }

    static void i32Opaque(MemorySegment memory, long offset, int value) {
        INT.setOpaque(memory, offset, value);
    }

    static void i64(MemorySegment memory, long offset, long value) {
        PLAIN_LONG.set(memory, offset, value);
    }
}
