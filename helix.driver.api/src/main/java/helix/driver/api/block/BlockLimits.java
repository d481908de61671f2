package helix.driver.api.block;

import java.util.Set;

/// What requests a block device takes. A driver splits what its hardware cannot do at once, up to
/// these.
///
/// @param maxTransferBytes the most bytes that one request may carry, a multiple of the block size
/// @param maxSegments the most pieces of memory in one request, at least 1
/// @param segmentAlignment each piece's device address and size is a multiple of this power of two
/// @param maxQueues how many queues can be open at a time
/// @param maxQueueDepth how many requests a queue holds at the most
/// @param operations what it can do beside READ and WRITE, as [BlockOp] numbers
/// @param forceUnitAccess whether writes may be durable one by one ([BlockOp#FUA])
/// @param volatileCache whether acknowledged writes may be lost without a flush
/// @param maxDiscardBlocks the most blocks in one DISCARD or WRITE_ZEROES
public record BlockLimits(
        int maxTransferBytes,
        int maxSegments,
        int segmentAlignment,
        int maxQueues,
        int maxQueueDepth,
        Set<Integer> operations,
        boolean forceUnitAccess,
        boolean volatileCache,
        long maxDiscardBlocks) {
    /// Whether an operation can be done.
    ///
    /// @param op a [BlockOp] number
    /// @return true for READ and WRITE and what [#operations()] lists
    public boolean supports(int op) {
        return op == BlockOp.READ || op == BlockOp.WRITE || operations.contains(op);
    }
}
