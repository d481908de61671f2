package helix.block.internal;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;

/// What a request must be like, for those that the driver cannot be asked about because it is away.
final class RequestCheck {
    private final BlockLimits limits;
    private final int blockSize;
    private final int mostBlocks;

    RequestCheck(BlockLimits limits, int blockSize) {
        this.limits = limits;
        this.blockSize = blockSize;
        mostBlocks = limits.maxTransferBytes() / blockSize;
    }

    int maxSegments() {
        return limits.maxSegments();
    }

    /// Whether blocks are beyond the end, in a request that is in order otherwise.
    boolean isBeyondEnd(Request request, StableDisk disk) {
        long last = disk.knownBlocks() - request.blocks;
        if (request.lba <= last || request.lba < 0 || request.blocks <= 0) {
            return false;
        }
        return request.blocks <= most(request.op)
                && request.lba > disk.totalBlocks() - request.blocks;
    }

    private long most(int op) {
        return op == BlockOp.DISCARD || op == BlockOp.WRITE_ZEROES
                ? limits.maxDiscardBlocks()
                : mostBlocks;
    }

    /// The memory must be there, whatever the device says to the rest.
    void memory(int op, int blocks, DmaBuffer buffer, long offset) {
        long bytes = (long) blocks * blockSize;
        if (offset < 0 || bytes > buffer.size() - offset) {
            throw new IllegalArgumentException(
                    BlockOp.name(op)
                            + " of "
                            + bytes
                            + " bytes at offset "
                            + offset
                            + " of "
                            + buffer);
        }
    }

    /// As [#memory(int, int, DmaBuffer, long)].
    void memory(int op, int blocks, ScatterList list) {
        long bytes = (long) blocks * blockSize;
        if (list.bytes() != bytes || list.size() > limits.maxSegments()) {
            throw new IllegalArgumentException(
                    BlockOp.name(op)
                            + " of "
                            + bytes
                            + " bytes with "
                            + list.bytes()
                            + " bytes in "
                            + list.size()
                            + " pieces, most="
                            + limits.maxSegments());
        }
    }

    /// Everything that a driver would check.
    void all(Request request, boolean withMemory) {
        int op = request.op;
        if ((request.flags & ~BlockOp.FUA) != 0) {
            throw new IllegalArgumentException("flags 0x" + Integer.toHexString(request.flags));
        }
        if (withMemory != request.movesBytes()) {
            throw new IllegalArgumentException(
                    BlockOp.name(op) + (withMemory ? " with memory" : " without memory"));
        }
        boolean inOrder =
                op == BlockOp.FLUSH
                        ? request.lba == 0 && request.blocks == 0
                        : request.lba >= 0 && request.blocks > 0 && request.blocks <= most(op);
        if (!inOrder || !(limits.supports(op) || op == BlockOp.FLUSH)) {
            throw new IllegalArgumentException(
                    BlockOp.name(op)
                            + " of "
                            + request.blocks
                            + " blocks at "
                            + request.lba
                            + ", most="
                            + most(op));
        }
    }
}
