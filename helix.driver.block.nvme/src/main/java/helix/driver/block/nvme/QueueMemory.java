package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;

/// The memory of an I/O queue pair, which belongs to the lease: submission queue, completion queue,
/// and for each command slot a list of memory pages.
final class QueueMemory implements AutoCloseable {
    final int slots;
    final int submissionEntries;
    final int completionEntries;
    final MemorySegment submission;
    final MemorySegment completion;
    final PrpBuilder prps;
    final MemorySegment lists;
    private final DmaBuffer submissionBuffer;
    private final DmaBuffer completionBuffer;
    private final DmaBuffer listBuffer;

    QueueMemory(Hal hal, Geometry geometry, int depth, int addressBits) {
        int page = geometry.pageBytes();
        slots = geometry.commandSlots(depth);
        submissionEntries = geometry.submissionEntries(slots);
        completionEntries = geometry.completionEntries(slots);
        int listBytes = PrpBuilder.listBytes(page, geometry.commandBytes());
        submissionBuffer =
                hal.allocate((long) submissionEntries * SubmissionEntry.BYTES, page, addressBits);
        completionBuffer =
                hal.allocate((long) completionEntries * CompletionEntry.BYTES, page, addressBits);
        listBuffer = hal.allocate((long) slots * listBytes, page, addressBits);
        submission = submissionBuffer.segment();
        completion = completionBuffer.segment();
        lists = listBuffer.segment();
        prps = new PrpBuilder(page, geometry.commandBytes(), lists, listBuffer.address());
    }

    long submissionAddress() {
        return submissionBuffer.address();
    }

    long completionAddress() {
        return completionBuffer.address();
    }

    /// Gives the memory back. Only when the controller has forgotten the queues.
    @Override
    public void close() {
        submissionBuffer.close();
        completionBuffer.close();
        listBuffer.close();
    }
}
