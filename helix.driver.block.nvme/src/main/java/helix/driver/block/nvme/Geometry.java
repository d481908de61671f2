package helix.driver.block.nvme;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import java.util.Set;
import java.util.TreeSet;

/// What follows from the controller's limits for requests and queues.
///
/// @param pageBytes the memory page, CC.MPS
/// @param commandBytes the most that one command carries
/// @param splits the most commands that a request in one piece becomes
/// @param maxSegments the most pieces of a request
/// @param maxDepth the most requests in a queue
/// @param maxEntries the most entries of an I/O queue, CAP.MQES
record Geometry(
        int pageBytes,
        int commandBytes,
        int splits,
        int maxSegments,
        int maxDepth,
        int maxEntries) {
    /// The most that a request carries, if the controller's queues are long enough to split it.
    static final int MAX_TRANSFER = 1 << 20;

    private static final int MAX_SEGMENTS = 64;
    private static final int MAX_DEPTH = 1024;

    /// More commands than any queue here has; command identifiers keep 12 bits for the slot.
    private static final int MAX_COMMANDS = 4000;

    /// A completion queue is longer than it must be, so that its head is reported seldom.
    private static final int COMPLETION_ENTRIES = 512;

    /// One Write Zeroes command: NLB has 16 bits and is 0's based.
    private static final int WRITE_ZEROES_BLOCKS = 1 << 16;

    static Geometry of(NvmeRegisters.Capabilities caps, int pageBytes, int mdts) {
        // MDTS is a power of two of CAP.MPSMIN pages; 0 is no limit. Base 2.0, section 5.17.2.1.
        int shift = mdts == 0 ? 63 : mdts + caps.minPageShift();
        int commandBytes = shift >= 20 ? MAX_TRANSFER : 1 << shift;
        int commands = Math.min(caps.maxQueueEntries() - 1, MAX_COMMANDS);
        int splits = Math.max(1, Math.min(MAX_TRANSFER / commandBytes, commands / 2));
        int segments = Math.max(1, Math.min(MAX_SEGMENTS, (commands - splits) / 2));
        int depth = Math.max(1, Math.min(MAX_DEPTH, (commands - segments + 1) / splits));
        return new Geometry(
                pageBytes, commandBytes, splits, segments, depth, caps.maxQueueEntries());
    }

    int maxTransferBytes() {
        return Math.min(MAX_TRANSFER, commandBytes * splits);
    }

    /// How many commands a queue of a depth must hold.
    int commandSlots(int depth) {
        return Math.max(1, depth * splits + maxSegments - 1);
    }

    /// A submission queue is full with one entry free, so it has one more than commands.
    int submissionEntries(int slots) {
        return slots + 1;
    }

    int completionEntries(int slots) {
        return Math.min(maxEntries, Math.max(COMPLETION_ENTRIES, 2 * slots));
    }

    /// What each command slot has for its list of pages.
    int listBytes() {
        return PrpBuilder.listBytes(pageBytes, commandBytes);
    }

    /// Whether a pair's memory, made with an earlier revision's geometry, serves this one.
    boolean fits(QueueState.Memory memory, int depth) {
        return depth <= maxDepth
                && memory.slots() >= commandSlots(depth)
                && memory.submissionEntries() == submissionEntries(memory.slots())
                && memory.submissionEntries() <= maxEntries
                && memory.completionEntries() <= maxEntries
                && memory.listBytes() == listBytes();
    }

    /// Limits of a namespace.
    BlockLimits limits(IdentifyController id, int blockBytes, boolean zeroes, int queues, int wz) {
        Set<Integer> operations = new TreeSet<>();
        operations.add(BlockOp.FLUSH);
        if (id.supportsDeallocate()) {
            operations.add(BlockOp.DISCARD);
        }
        if (zeroes) {
            operations.add(BlockOp.WRITE_ZEROES);
        }
        if (id.supportsCompare()) {
            operations.add(BlockOp.COMPARE);
        }
        return new BlockLimits(
                maxTransferBytes(),
                maxSegments,
                Math.min(blockBytes, pageBytes),
                queues,
                maxDepth,
                Set.copyOf(operations),
                true,
                id.hasVolatileCache(),
                wz);
    }

    /// How many blocks one Write Zeroes command may have.
    ///
    /// @param wzsl Write Zeroes Size Limit of Identify CNS 06h: a power of two of CAP.MPSMIN pages,
    ///   0 for no limit
    static int writeZeroesBlocks(NvmeRegisters.Capabilities caps, int wzsl, int blockShift) {
        int shift = wzsl + caps.minPageShift() - blockShift;
        return wzsl == 0 || shift >= 16
                ? WRITE_ZEROES_BLOCKS
                : Math.max(1, 1 << Math.max(0, shift));
    }
}
