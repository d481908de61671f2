package helix.driver.block.nvme;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import helix.registers.Bits;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// A completion queue entry. Base 2.0, section 3.3.3.2.
///
/// ```
///  0  DW0  command specific
///  4  DW1  command specific
///  8  DW2  31:16 submission queue identifier, 15:0 submission queue head
/// 12  DW3  31:17 status, 16 phase, 15:0 command identifier
/// ```
///
/// DW3 is written last or together with the rest, so one acquire load of it makes the rest
/// readable.
final class CompletionEntry {
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);

    static final StructLayout LAYOUT =
            MemoryLayout.structLayout(
                    INT.withName("dw0"),
                    INT.withName("dw1"),
                    INT.withName("dw2"),
                    INT.withName("dw3"));

    /// DW2.
    static final Bits SQHD = Bits.of(15, 0);

    /// DW2.
    static final Bits SQID = Bits.of(31, 16);

    /// DW3: Command Identifier.
    static final Bits CID = Bits.of(15, 0);

    /// DW3: Phase Tag.
    static final Bits P = Bits.of(16);

    /// DW3: Status Code and Status Code Type as one number, see [StatusCode].
    static final Bits STATUS = Bits.of(27, 17);

    /// CC.IOCQES.
    static final int SIZE_SHIFT = 4;

    static final int BYTES = 1 << SIZE_SHIFT;

    private static final VarHandle DW0 = handle("dw0");
    private static final VarHandle DW2 = handle("dw2");
    private static final VarHandle DW3 = handle("dw3");

    static {
        if (LAYOUT.byteSize() != BYTES) {
            throw new AssertionError("completion queue entry of " + LAYOUT.byteSize() + " bytes");
        }
    }

    private CompletionEntry() {}

    private static VarHandle handle(String field) {
        return LAYOUT.arrayElementVarHandle(groupElement(field)).withInvokeExactBehavior();
    }

    /// Reads DW3 before any later load.
    static int dw3Acquire(MemorySegment ring, int index) {
        return (int) DW3.getAcquire(ring, 0L, (long) index);
    }

    static int dw0(MemorySegment ring, int index) {
        return (int) DW0.get(ring, 0L, (long) index);
    }

    static int dw2(MemorySegment ring, int index) {
        return (int) DW2.get(ring, 0L, (long) index);
    }

    /// The phase tag, 0 or 1.
    static int phase(int dw3) {
        return P.get(dw3);
    }
}
