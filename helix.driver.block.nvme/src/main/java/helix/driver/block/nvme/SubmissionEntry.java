package helix.driver.block.nvme;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// A submission queue entry in the common command format. Base 2.0, section 3.3.3.1.
///
/// ```
///  0  CDW0  31:16 command identifier, 15:14 PSDT (0: PRPs), 9:8 FUSE (0), 7:0 opcode
///  4  NSID
///  8  CDW2, CDW3 (0)
/// 16  MPTR (0)
/// 24  PRP1
/// 32  PRP2
/// 40  CDW10 to CDW15
/// ```
final class SubmissionEntry {
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);

    static final StructLayout LAYOUT =
            MemoryLayout.structLayout(
                    INT.withName("cdw0"),
                    INT.withName("nsid"),
                    INT.withName("cdw2"),
                    INT.withName("cdw3"),
                    LONG.withName("mptr"),
                    LONG.withName("prp1"),
                    LONG.withName("prp2"),
                    INT.withName("cdw10"),
                    INT.withName("cdw11"),
                    INT.withName("cdw12"),
                    INT.withName("cdw13"),
                    INT.withName("cdw14"),
                    INT.withName("cdw15"));

    /// CC.IOSQES.
    static final int SIZE_SHIFT = 6;

    static final int BYTES = 1 << SIZE_SHIFT;

    private static final VarHandle CDW0 = handle("cdw0");
    private static final VarHandle NSID = handle("nsid");
    private static final VarHandle PRP1 = handle("prp1");
    private static final VarHandle PRP2 = handle("prp2");
    private static final VarHandle CDW10 = handle("cdw10");
    private static final VarHandle CDW11 = handle("cdw11");
    private static final VarHandle CDW12 = handle("cdw12");
    private static final VarHandle CDW13 = handle("cdw13");
    private static final VarHandle CDW14 = handle("cdw14");
    private static final VarHandle CDW15 = handle("cdw15");

    static {
        if (LAYOUT.byteSize() != BYTES) {
            throw new AssertionError("submission queue entry of " + LAYOUT.byteSize() + " bytes");
        }
    }

    private SubmissionEntry() {}

    private static VarHandle handle(String field) {
        return LAYOUT.arrayElementVarHandle(groupElement(field)).withInvokeExactBehavior();
    }

    /// Fills the entry of an I/O command. CDW2, CDW3, MPTR and CDW13 to CDW15 stay as they were
    /// allocated: 0. The doorbell's release write orders these stores.
    static void io(
            MemorySegment ring,
            int index,
            int opcode,
            int commandId,
            int namespace,
            long prp1,
            long prp2,
            int cdw10,
            int cdw11,
            int cdw12) {
        long i = index;
        CDW0.set(ring, 0L, i, opcode | commandId << 16);
        NSID.set(ring, 0L, i, namespace);
        PRP1.set(ring, 0L, i, prp1);
        PRP2.set(ring, 0L, i, prp2);
        CDW10.set(ring, 0L, i, cdw10);
        CDW11.set(ring, 0L, i, cdw11);
        CDW12.set(ring, 0L, i, cdw12);
    }

    /// Fills the entry of an admin command.
    static void admin(MemorySegment ring, int index, int commandId, AdminCommand c) {
        io(
                ring,
                index,
                c.opcode(),
                commandId,
                c.nsid(),
                c.prp1(),
                c.prp2(),
                c.cdw10(),
                c.cdw11(),
                c.cdw12());
        long i = index;
        CDW13.set(ring, 0L, i, c.cdw13());
        CDW14.set(ring, 0L, i, c.cdw14());
        CDW15.set(ring, 0L, i, 0);
    }
}
