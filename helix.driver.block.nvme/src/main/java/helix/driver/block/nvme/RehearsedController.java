package helix.driver.block.nvme;

import helix.hal.api.MmioRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Plays the controller's part for one I/O queue pair of a [DriverRehearsal]: looks at the tail
/// doorbell and completes commands with success, without doing anything.
final class RehearsedController {
    private static final VarHandle INT =
            ValueLayout.JAVA_INT
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();

    private final int id;
    private final MmioRegion registers;
    private final long tailDoorbell;
    private final MemorySegment submission;
    private final MemorySegment completion;
    private final int submissionEntries;
    private final int completionEntries;
    private int submissionHead;
    private int completionTail;
    private int phase = 1;

    RehearsedController(Hal hal, int id, int stride, QueueState.Memory memory) {
        this.id = id;
        registers = hal.registers();
        tailDoorbell = NvmeRegisters.tailDoorbell(id, stride);
        submission = hal.adopt(memory.submission()).segment();
        completion = hal.adopt(memory.completion()).segment();
        submissionEntries = memory.submissionEntries();
        completionEntries = memory.completionEntries();
    }

    /// A controller that is ready, as the registers say.
    static void beReady(MmioRegion registers) {
        registers.write32(NvmeRegisters.CSTS.OFFSET, (int) NvmeRegisters.CSTS.RDY.mask());
    }

    /// Completes commands in the order in which they were submitted.
    ///
    /// @param leave how many to keep
    void complete(int leave) {
        int tail = registers.read32Acquire(tailDoorbell);
        int shown = Math.floorMod(tail - submissionHead, submissionEntries);
        for (int i = leave; i < shown; i++) {
            completeOne();
        }
    }

    private void completeOne() {
        int cdw0 = (int) INT.get(submission, (long) submissionHead * SubmissionEntry.BYTES);
        submissionHead = (submissionHead + 1) % submissionEntries;
        long entry = (long) completionTail * CompletionEntry.BYTES;
        INT.set(
                completion,
                entry + 8,
                (int) (CompletionEntry.SQID.put(id) | CompletionEntry.SQHD.put(submissionHead)));
        INT.setRelease(
                completion,
                entry + 12,
                (int) (CompletionEntry.CID.put(cdw0 >>> 16) | CompletionEntry.P.put(phase)));
        if (++completionTail == completionEntries) {
            completionTail = 0;
            phase ^= 1;
        }
    }
}
