package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Flush, forced unit access and discard.
final class DurabilityCases {
    private static final int BLOCKS = 4;

    private final Cases cases;
    private final int blockSize;

    DurabilityCases(Cases cases) {
        this.cases = cases;
        blockSize = cases.blockSize();
    }

    void list() {
        @Nullable String noFlush = cases.unlessSupported(BlockOp.FLUSH);
        @Nullable String noForce =
                cases.limits().forceUnitAccess() ? null : "the device has no FUA";
        @Nullable String noCut =
                cases.setup().powerCut() == null ? "this device offers no power cut" : null;
        cases.addIo("flush, alone and with others in flight", noFlush, this::flush);
        cases.addIo("FUA writes are writes", noForce, this::forced);
        cases.addIo(
                "discard leaves its neighbours",
                cases.unlessSupported(BlockOp.DISCARD),
                this::discard);
        cases.add(
                "FUA writes outlast a power cut",
                noForce != null ? noForce : noCut,
                this::forcedOutlasts);
        cases.add(
                "flushed writes outlast a power cut, others are old or new",
                noFlush != null ? noFlush : noCut,
                this::flushedOutlasts);
    }

    private static void runFlush(Io io) {
        Check.ok(io.run(BlockOp.FLUSH, 0, 0, 0, null, 0), "flush");
    }

    private void flush(Io io) {
        runFlush(io);
        int count = Math.min(8, io.queue().depth() - 1);
        if (count == 0) {
            return;
        }
        try (DmaBuffer buffer = io.device().allocate(count * (long) blockSize)) {
            Stamp.fill(buffer.segment(), 0, blockSize, 400, count, 60);
            for (int i = 0; i < count; i++) {
                long offset = (long) i * blockSize;
                Check.that(io.offer(BlockOp.WRITE, 0, 400 + i, 1, buffer, offset, i), "not taken");
            }
            Check.that(io.offer(BlockOp.FLUSH, 0, 0, 0, null, 0, count), "flush was not taken");
            io.drain();
            for (int i = 0; i <= count; i++) {
                Check.ok(io.status(i), "request " + i);
            }
        }
        io.checkStamped(400, count, 60);
    }

    private void writeForced(Io io, long lba, long seed) {
        try (DmaBuffer buffer = io.device().allocate(BLOCKS * (long) blockSize)) {
            Stamp.fill(buffer.segment(), 0, blockSize, lba, BLOCKS, seed);
            Check.ok(io.run(BlockOp.WRITE, BlockOp.FUA, lba, BLOCKS, buffer, 0), "write with FUA");
        }
    }

    private void forced(Io io) {
        io.writeStamped(410, BLOCKS + 2, 61);
        writeForced(io, 411, 62);
        io.checkStamped(411, BLOCKS, 62);
        io.checkStamped(410, 1, 61);
        io.checkStamped(411 + BLOCKS, 1, 61);
    }

    private void discard(Io io) {
        io.writeStamped(420, BLOCKS + 2, 63);
        Check.ok(io.run(BlockOp.DISCARD, 0, 421, BLOCKS, null, 0), "discard");
        io.checkStamped(420, 1, 63);
        io.checkStamped(421 + BLOCKS, 1, 63);
        io.writeStamped(421, BLOCKS, 64);
        io.checkStamped(421, BLOCKS, 64);
    }

    private void cutPower() {
        Objects.requireNonNull(cases.setup().powerCut()).run();
    }

    private void forcedOutlasts(BlockDevice device) {
        try (Io io = new Io(device, QueueOptions.polled(4))) {
            io.writeStamped(430, BLOCKS, 65);
            writeForced(io, 430, 66);
        }
        cutPower();
        try (Io io = new Io(cases.setup().device().get(), QueueOptions.polled(4))) {
            io.checkStamped(430, BLOCKS, 66);
        }
    }

    private void flushedOutlasts(BlockDevice device) {
        try (Io io = new Io(device, QueueOptions.polled(4))) {
            io.writeStamped(440, BLOCKS, 67);
            io.writeStamped(450, BLOCKS, 67);
            runFlush(io);
            io.writeStamped(450, BLOCKS, 68);
        }
        cutPower();
        try (Io io = new Io(cases.setup().device().get(), QueueOptions.polled(4));
                DmaBuffer back = io.device().allocate(BLOCKS * (long) blockSize)) {
            io.checkStamped(440, BLOCKS, 67);
            io.transfer(BlockOp.READ, 450, BLOCKS, back, 0);
            for (int i = 0; i < BLOCKS; i++) {
                long at = (long) i * blockSize;
                Check.that(
                        Stamp.has(back.segment(), at, blockSize, 450 + i, 67)
                                || Stamp.has(back.segment(), at, blockSize, 450 + i, 68),
                        "block " + (450 + i) + " is neither old nor new");
            }
        }
    }
}
