package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import helix.modules.api.StateReader;
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
    private final int listBytes;
    private final DmaBuffer submissionBuffer;
    private final DmaBuffer completionBuffer;
    private final DmaBuffer listBuffer;

    /// Allocates memory for a new pair.
    QueueMemory(Hal hal, Geometry geometry, int depth, int addressBits) {
        int page = geometry.pageBytes();
        slots = geometry.commandSlots(depth);
        submissionEntries = geometry.submissionEntries(slots);
        completionEntries = geometry.completionEntries(slots);
        listBytes = geometry.listBytes();
        submissionBuffer = hal.allocate(submissionBytes(), page, addressBits);
        completionBuffer = hal.allocate(completionBytes(), page, addressBits);
        listBuffer = hal.allocate(listsBytes(), page, addressBits);
        submission = submissionBuffer.segment();
        completion = completionBuffer.segment();
        lists = listBuffer.segment();
        prps = new PrpBuilder(page, geometry.commandBytes(), lists, listBuffer.address());
    }

    /// Takes over the memory of a pair that the controller works with.
    QueueMemory(Hal hal, Geometry geometry, QueueState.Memory saved) {
        slots = saved.slots();
        submissionEntries = saved.submissionEntries();
        completionEntries = saved.completionEntries();
        listBytes = saved.listBytes();
        submissionBuffer = adopt(hal, "submission queue", saved.submission(), submissionBytes());
        completionBuffer = adopt(hal, "completion queue", saved.completion(), completionBytes());
        listBuffer = adopt(hal, "lists", saved.lists(), listsBytes());
        submission = submissionBuffer.segment();
        completion = completionBuffer.segment();
        lists = listBuffer.segment();
        prps =
                new PrpBuilder(
                        geometry.pageBytes(), geometry.commandBytes(), lists, listBuffer.address());
    }

    private static DmaBuffer adopt(Hal hal, String what, long address, long bytes) {
        DmaBuffer buffer = hal.adopt(address);
        StateReader.require(buffer.size() >= bytes, what + " of bytes", buffer.size());
        return buffer;
    }

    QueueState.Memory save() {
        return new QueueState.Memory(
                slots,
                submissionEntries,
                completionEntries,
                listBytes,
                submissionBuffer.address(),
                completionBuffer.address(),
                listBuffer.address());
    }

    private long submissionBytes() {
        return (long) submissionEntries * SubmissionEntry.BYTES;
    }

    private long completionBytes() {
        return (long) completionEntries * CompletionEntry.BYTES;
    }

    private long listsBytes() {
        return (long) slots * listBytes;
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
