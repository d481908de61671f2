package helix.driver.kit;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// What breaks the device's limits is refused by an exception, and the queue works on.
final class LimitCases {
    private final Cases cases;
    private final BlockLimits limits;
    private final int blockSize;
    private final int most;

    LimitCases(Cases cases) {
        this.cases = cases;
        limits = cases.limits();
        blockSize = cases.blockSize();
        most = cases.mostBlocks();
    }

    void list() {
        long large = limits.maxTransferBytes() + (long) blockSize;
        refuses("a transfer above the limit", null, large, this::tooLarge);
        refuses("no blocks", null, blockSize, this::noBlocks);
        refuses("a negative block number", null, blockSize, this::negativeLba);
        refuses("memory beyond the buffer's end", null, 2L * blockSize, this::beyondBuffer);
        refuses("no memory where there must be some", null, blockSize, this::noMemory);
        refuses("unknown flags", null, blockSize, this::unknownFlags);
        refuses("a list of another size", null, 4L * blockSize, this::otherSize);
        int pieces = limits.maxSegments() + 1;
        @Nullable String fits =
                (long) pieces * blockSize > limits.maxTransferBytes()
                        ? pieces + " pieces are above the largest transfer anyhow"
                        : null;
        refuses(
                "more pieces than the limit",
                fits,
                (long) pieces * blockSize,
                (io, buffer) -> tooManyPieces(io, buffer, pieces));
        refuses(
                "misaligned pieces",
                limits.segmentAlignment() == 1 ? "any alignment will do" : null,
                2L * blockSize + limits.segmentAlignment(),
                this::misaligned);
        refuses(
                "a discard above the limit",
                limits.supports(BlockOp.DISCARD) && limits.maxDiscardBlocks() < Integer.MAX_VALUE
                        ? null
                        : "there is no such limit",
                blockSize,
                this::discardTooLarge);
        cases.addIo("operations that the device has not are refused", this::unsupported);
        cases.addIo("memory out of reach is refused or copied", this::foreignMemory);
        cases.add(
                "a depth below 1 is refused",
                device ->
                        Check.illegal(
                                "depth 0", () -> device.openQueue(QueueOptions.polled(0)).close()));
        cases.add(
                "memory of no bytes is refused",
                device -> Check.illegal("0 bytes", () -> device.allocate(0).close()));
    }

    /// A case that breaks limits, after which all must be as before.
    private void refuses(
            String name, @Nullable String skip, long bytes, BiConsumer<Io, DmaBuffer> body) {
        cases.addIo(
                "refused: " + name,
                skip,
                io -> {
                    io.writeStamped(0, 4, 50);
                    try (DmaBuffer buffer = io.device().allocate(bytes)) {
                        buffer.segment().fill((byte) 0xCC);
                        body.accept(io, buffer);
                    }
                    Check.equal(0, io.queue().inFlight(), "in flight after refusals");
                    io.checkStamped(0, 4, 50);
                    io.writeStamped(1, 2, 51);
                    io.checkStamped(1, 2, 51);
                });
    }

    private static void illegal(
            Io io,
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset) {
        Check.illegal(
                BlockOp.name(op) + " of " + blocks + " blocks at " + lba + ", offset " + offset,
                () -> io.queue().submit(op, flags, lba, blocks, buffer, offset, 1));
    }

    private void tooLarge(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.READ, 0, 0, most + 1, buffer, 0);
        illegal(io, BlockOp.WRITE, 0, 0, most + 1, buffer, 0);
        illegal(io, BlockOp.WRITE, 0, 0, Integer.MAX_VALUE, buffer, 0);
    }

    private void noBlocks(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.READ, 0, 0, 0, buffer, 0);
        illegal(io, BlockOp.WRITE, 0, 0, 0, buffer, 0);
        illegal(io, BlockOp.WRITE, 0, 0, -1, buffer, 0);
    }

    private void negativeLba(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.READ, 0, -1, 1, buffer, 0);
        illegal(io, BlockOp.WRITE, 0, Long.MIN_VALUE, 1, buffer, 0);
    }

    private void beyondBuffer(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.READ, 0, 0, 2, buffer, blockSize);
        illegal(io, BlockOp.WRITE, 0, 0, 1, buffer, 2L * blockSize);
        illegal(io, BlockOp.WRITE, 0, 0, 1, buffer, -blockSize);
        illegal(io, BlockOp.WRITE, 0, 0, 1, buffer, Long.MAX_VALUE - blockSize + 1);
    }

    private void noMemory(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.READ, 0, 0, 1, null, 0);
        illegal(io, BlockOp.WRITE, 0, 0, 1, null, 0);
    }

    private void unknownFlags(Io io, DmaBuffer buffer) {
        illegal(io, BlockOp.WRITE, 1 << 30, 0, 1, buffer, 0);
    }

    private void otherSize(Io io, DmaBuffer buffer) {
        ScatterList list = new ScatterList(1).add(buffer, 0, 2L * blockSize);
        Check.illegal(
                "3 blocks with memory for 2",
                () -> io.queue().submit(BlockOp.WRITE, 0, 0, 3, list, 1));
        Check.illegal(
                "1 block with memory for 2",
                () -> io.queue().submit(BlockOp.READ, 0, 0, 1, list, 1));
        Check.illegal(
                "1 block without pieces",
                () -> io.queue().submit(BlockOp.READ, 0, 0, 1, new ScatterList(1), 1));
    }

    private void tooManyPieces(Io io, DmaBuffer buffer, int pieces) {
        long size = blockSize;
        ScatterList list = new ScatterList(pieces);
        for (int i = 0; i < pieces; i++) {
            list.add(buffer, i * size, size);
        }
        Check.illegal(
                pieces + " pieces", () -> io.queue().submit(BlockOp.READ, 0, 0, pieces, list, 1));
    }

    private void misaligned(Io io, DmaBuffer buffer) {
        int offset = limits.segmentAlignment() / 2;
        illegal(io, BlockOp.READ, 0, 0, 1, buffer, offset);
        ScatterList list = new ScatterList(1).add(buffer, offset, blockSize);
        Check.illegal(
                "a piece at offset " + offset,
                () -> io.queue().submit(BlockOp.WRITE, 0, 0, 1, list, 1));
    }

    private void discardTooLarge(Io io, DmaBuffer buffer) {
        int count = (int) limits.maxDiscardBlocks() + 1;
        illegal(io, BlockOp.DISCARD, 0, 0, count, null, 0);
    }

    private void unsupported(Io io) {
        io.writeStamped(0, 2, 52);
        try (DmaBuffer buffer = io.device().allocate(blockSize)) {
            buffer.segment().fill((byte) 0xCC);
            // Without a cache to flush, a flush may well succeed.
            for (int op = BlockOp.DISCARD; op <= BlockOp.COMPARE + 1; op++) {
                if (limits.supports(op)) {
                    continue;
                }
                boolean moves = op == BlockOp.COMPARE;
                int status;
                try {
                    status = io.run(op, 0, 0, 1, moves ? buffer : null, 0);
                } catch (IllegalArgumentException refused) {
                    continue;
                }
                Check.status(BlockStatus.UNSUPPORTED, status, BlockOp.name(op));
            }
        }
        io.checkStamped(0, 2, 52);
    }

    /// A device refuses memory that it does not reach; a disk copies it.
    private void foreignMemory(Io io) {
        io.writeStamped(0, 4, 53);
        try (Arena arena = Arena.ofShared();
                DmaBuffer foreign =
                        new DmaBuffer(
                                arena.allocate(4096, 4096),
                                1L << 52,
                                new Object(),
                                ignored -> {})) {
            int status;
            try {
                status = io.run(BlockOp.READ, 0, 1, 1, foreign, 0);
            } catch (IllegalArgumentException refused) {
                return;
            }
            Check.ok(status, "read into memory of others");
            Stamp.check(foreign.segment(), 0, blockSize, 1, 1, 53);
            Stamp.fill(foreign.segment(), 0, blockSize, 2, 1, 54);
            Check.ok(io.run(BlockOp.WRITE, 0, 2, 1, foreign, 0), "write from memory of others");
        }
        io.checkStamped(2, 1, 54);
        io.checkStamped(3, 1, 53);
    }
}
