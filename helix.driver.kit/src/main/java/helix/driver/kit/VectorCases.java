package helix.driver.kit;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// The cases of SPDK's bdevio with memory in pieces, by their names, and comparisons.
final class VectorCases {
    private static final int LARGE_BYTES = 144 * 1024;

    private final Cases cases;
    private final int blockSize;

    VectorCases(Cases cases) {
        this.cases = cases;
        blockSize = cases.blockSize();
    }

    void list() {
        int large = LARGE_BYTES / blockSize;
        vector("writev readv 8 blocks", 1, 8);
        vector("writev readv 30 x 1block", 30, 1);
        vector("writev readv block", 1, 1);
        vector("writev readv size > 128k", 1, large);
        vector("writev readv size > 128k in two iovs", 2, large / 2);
        @Nullable String skip = cases.unlessSupported(BlockOp.COMPARE);
        cases.addIo(
                "bdevio: comparev and writev",
                skip != null ? skip : tooMuch(2, 1),
                this::compareAndWrite);
        cases.addIo("compare finds a difference in any block", skip, this::compareMismatch);
        cases.addIo("a list may be reused when submit returns", this::reuse);
        cases.addIo("pieces in one buffer go in the list's order", tooMuch(2, 1), this::order);
    }

    private @Nullable String tooMuch(int pieces, int each) {
        if (pieces > cases.limits().maxSegments()) {
            return pieces + " pieces, the device takes " + cases.limits().maxSegments();
        }
        if (pieces * each > cases.mostBlocks()) {
            return pieces * each + " blocks, the device takes " + cases.mostBlocks();
        }
        return null;
    }

    private void vector(String name, int pieces, int each) {
        cases.addIo(
                "bdevio: " + name, tooMuch(pieces, each), io -> writeReadPieces(io, pieces, each));
    }

    /// Pieces with gaps between them, from the memory's end to its beginning.
    private ScatterList pieces(DmaBuffer buffer, int pieces, int each) {
        ScatterList list = new ScatterList(pieces);
        long size = (long) each * blockSize;
        for (int i = 0; i < pieces; i++) {
            list.add(buffer, (pieces - 1L - i) * 2 * size, size);
        }
        return list;
    }

    private void writeReadPieces(Io io, int pieces, int each) {
        long lba = 2;
        int total = pieces * each;
        io.writeStamped(lba - 1, total + 2, 20);
        try (DmaBuffer buffer = io.device().allocate(2L * total * blockSize)) {
            ScatterList list = pieces(buffer, pieces, each);
            for (int i = 0; i < pieces; i++) {
                Stamp.fill(
                        buffer.segment(),
                        list.offset(i),
                        blockSize,
                        lba + (long) i * each,
                        each,
                        21);
            }
            Check.ok(io.run(BlockOp.WRITE, 0, lba, total, list), "write in pieces");
            io.checkStamped(lba, total, 21);
            io.checkStamped(lba - 1, 1, 20);
            io.checkStamped(lba + total, 1, 20);

            buffer.segment().fill((byte) 0xDD);
            Check.ok(io.run(BlockOp.READ, 0, lba, total, list), "read into pieces");
            for (int i = 0; i < pieces; i++) {
                Stamp.check(
                        buffer.segment(),
                        list.offset(i),
                        blockSize,
                        lba + (long) i * each,
                        each,
                        21);
                checkUntouched(buffer, list.offset(i) + list.length(i), list.length(i));
            }
        }
    }

    private static void checkUntouched(DmaBuffer buffer, long from, long bytes) {
        for (long at = from; at < from + bytes; at++) {
            Check.equal(
                    0xDD,
                    buffer.segment().get(ValueLayout.JAVA_BYTE, at) & 0xFF,
                    "memory beside a piece, byte " + at);
        }
    }

    private void compareAndWrite(Io io) {
        io.writeStamped(30, 2, 22);
        try (DmaBuffer buffer = io.device().allocate(4L * blockSize)) {
            ScatterList list = pieces(buffer, 2, 1);
            fill(buffer, list, 30, 22);
            Check.ok(io.run(BlockOp.COMPARE, 0, 30, 2, list), "compare with the same");
            fill(buffer, list, 30, 23);
            Check.ok(io.run(BlockOp.WRITE, 0, 30, 2, list), "write after compare");
            fill(buffer, list, 30, 22);
            Check.status(
                    BlockStatus.COMPARE_FAILED,
                    io.run(BlockOp.COMPARE, 0, 30, 2, list),
                    "compare with what was overwritten");
        }
        io.checkStamped(30, 2, 23);
    }

    private void fill(DmaBuffer buffer, ScatterList list, long lba, long seed) {
        for (int i = 0; i < list.size(); i++) {
            Stamp.fill(buffer.segment(), list.offset(i), blockSize, lba + i, 1, seed);
        }
    }

    private void compareMismatch(Io io) {
        int count = Math.min(4, cases.mostBlocks());
        io.writeStamped(40, count, 24);
        try (DmaBuffer buffer = io.device().allocate((long) count * blockSize)) {
            for (int wrong = 0; wrong < count; wrong++) {
                Stamp.fill(buffer.segment(), 0, blockSize, 40, count, 24);
                Check.ok(io.run(BlockOp.COMPARE, 0, 40, count, buffer, 0), "compare");
                long last = (wrong + 1L) * blockSize - 1;
                byte right = buffer.segment().get(ValueLayout.JAVA_BYTE, last);
                buffer.segment().set(ValueLayout.JAVA_BYTE, last, (byte) (right ^ 1));
                Check.status(
                        BlockStatus.COMPARE_FAILED,
                        io.run(BlockOp.COMPARE, 0, 40, count, buffer, 0),
                        "compare with a wrong bit in block " + wrong);
            }
        }
        io.checkStamped(40, count, 24);
    }

    private void reuse(Io io) {
        ScatterList list = new ScatterList(1);
        int count = Math.min(4, io.queue().depth());
        long size = blockSize;
        try (DmaBuffer buffer = io.device().allocate(count * size)) {
            Stamp.fill(buffer.segment(), 0, blockSize, 50, count, 25);
            for (int i = 0; i < count; i++) {
                list.clear().add(buffer, i * size, size);
                Check.that(io.offer(BlockOp.WRITE, 0, 50 + i, 1, list, i), "write was not taken");
            }
            list.clear();
            io.drain();
            for (int i = 0; i < count; i++) {
                Check.ok(io.status(i), "write " + i);
            }
        }
        io.checkStamped(50, count, 25);
    }

    private void order(Io io) {
        long size = blockSize;
        io.writeStamped(60, 2, 26);
        try (DmaBuffer buffer = io.device().allocate(2 * size)) {
            ScatterList list = new ScatterList(2).add(buffer, size, size).add(buffer, 0, size);
            Check.ok(io.run(BlockOp.READ, 0, 60, 2, list), "read");
            Stamp.check(buffer.segment(), size, blockSize, 60, 1, 26);
            Stamp.check(buffer.segment(), 0, blockSize, 61, 1, 26);
        }
    }
}
