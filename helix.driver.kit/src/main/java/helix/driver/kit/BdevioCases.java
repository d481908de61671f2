package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The cases of SPDK's bdevio with one piece of memory, by their names, and those that have no
/// counterpart in the contract.
final class BdevioCases {
    private static final int LARGE_BYTES = 144 * 1024;
    private static final String NO_PASSTHRU =
            "the contract has no pass-through; NVMe commands are the driver's own requests";

    private final Cases cases;
    private final int blockSize;
    private final long blocks;

    BdevioCases(Cases cases) {
        this.cases = cases;
        blockSize = cases.blockSize();
        blocks = cases.blocks();
    }

    void list() {
        bdevio("write read block", io -> writeRead(io, 3, 1));
        writeZeroes();
        cases.add(
                "bdevio: reset",
                cases.setup().reset() == null ? "this device offers no reset" : null,
                this::reset);
        bdevio("write read 8 blocks", io -> writeRead(io, 5, 8));
        bdevio("write read size > 128k", io -> writeRead(io, 1, LARGE_BYTES / blockSize));
        cases.add("bdevio: write read invalid size", this::invalidSize);
        bdevio("write read offset + nbytes == size of blockdev", this::atTheEnd);
        bdevio("write read offset + nbytes > size of blockdev", this::overTheEnd);
        bdevio("write read max offset", this::maxOffset);
        bdevio("write read 8 blocks on overlapped address offset", this::overlapped);
        cases.skip("bdevio: nvme passthru rw", NO_PASSTHRU);
        cases.skip("bdevio: nvme passthru vendor specific", NO_PASSTHRU);
        cases.skip("bdevio: nvme admin passthru", NO_PASSTHRU);
        cases.skip("bdevio: copy", "the contract has no copy operation");
        cases.add("plain calls move memory of any kind and length", this::plainCalls);
        cases.add("plain calls beyond the end fail", this::plainBeyondTheEnd);
        cases.add("what the device says of itself is sane", this::sane);
    }

    private void bdevio(String name, Consumer<Io> body) {
        cases.addIo("bdevio: " + name, body);
    }

    private void writeRead(Io io, long lba, int count) {
        io.writeStamped(lba - 1, count + 2, 1);
        io.writeStamped(lba, count, 2);
        io.checkStamped(lba, count, 2);
        io.checkStamped(lba - 1, 1, 1);
        io.checkStamped(lba + count, 1, 1);
    }

    private void writeZeroes() {
        @Nullable String skip = cases.unlessSupported(BlockOp.WRITE_ZEROES);
        int most = (int) Math.min(cases.limits().maxDiscardBlocks(), blocks / 8);
        cases.addIo("bdevio: write zeroes read block", skip, io -> zeroes(io, 1, most));
        cases.addIo("bdevio: write zeroes read no split", skip, io -> zeroes(io, most, most));
        cases.addIo("bdevio: write zeroes read split", skip, io -> zeroes(io, 3 * most, most));
        cases.addIo(
                "bdevio: write zeroes read split partial",
                skip,
                io -> zeroes(io, 3 * most + Math.max(1, most / 2), most));
    }

    private void zeroes(Io io, int count, int most) {
        long lba = 1;
        io.writeStamped(lba - 1, count + 2, 3);
        for (int done = 0; done < count; done += most) {
            int now = Math.min(most, count - done);
            Check.ok(
                    io.run(BlockOp.WRITE_ZEROES, 0, lba + done, now, null, 0),
                    "write-zeroes of " + now + " blocks at " + (lba + done));
        }
        io.checkZero(lba, count);
        io.checkStamped(lba - 1, 1, 3);
        io.checkStamped(lba + count, 1, 3);
    }

    private void reset(BlockDevice device) {
        try (Io io = new Io(device, QueueOptions.polled(4))) {
            io.writeStamped(9, 4, 4);
            if (cases.limits().supports(BlockOp.FLUSH)) {
                Check.ok(io.run(BlockOp.FLUSH, 0, 0, 0, null, 0), "flush");
            }
        }
        Objects.requireNonNull(cases.setup().reset()).run();
        try (Io io = new Io(cases.setup().device().get(), QueueOptions.polled(4))) {
            io.checkStamped(9, 4, 4);
            io.settle();
        }
    }

    private void invalidSize(BlockDevice device) {
        for (int bytes : new int[] {1, blockSize - 1, blockSize + 1, blockSize * 3 / 2}) {
            MemorySegment memory = MemorySegment.ofArray(new byte[bytes]);
            Check.illegal("read of " + bytes + " bytes", () -> device.readBlock(0, memory));
            Check.illegal("write of " + bytes + " bytes", () -> device.writeBlock(0, memory));
        }
    }

    private void atTheEnd(Io io) {
        io.writeStamped(blocks - 8, 8, 5);
        io.writeStamped(blocks - 1, 1, 6);
        io.checkStamped(blocks - 8, 7, 5);
        io.checkStamped(blocks - 1, 1, 6);
    }

    private void overTheEnd(Io io) {
        io.writeStamped(blocks - 8, 8, 7);
        try (DmaBuffer buffer = io.device().allocate(8L * blockSize)) {
            buffer.segment().fill((byte) 0xBB);
            io.checkOutOfRange(BlockOp.WRITE, blocks - 7, 8, buffer);
            io.checkOutOfRange(BlockOp.READ, blocks - 7, 8, buffer);
            io.checkOutOfRange(BlockOp.WRITE, blocks, 1, buffer);
            io.checkOutOfRange(BlockOp.READ, blocks, 1, buffer);
            for (int op : new int[] {BlockOp.WRITE_ZEROES, BlockOp.DISCARD}) {
                if (cases.limits().supports(op)) {
                    io.checkOutOfRange(op, blocks - 1, 2, null);
                }
            }
        }
        io.checkStamped(blocks - 8, 8, 7);
    }

    private void maxOffset(Io io) {
        try (DmaBuffer buffer = io.device().allocate(blockSize)) {
            for (long lba : new long[] {Long.MAX_VALUE / blockSize, Long.MAX_VALUE, 1L << 32}) {
                if (lba >= blocks) {
                    io.checkOutOfRange(BlockOp.WRITE, lba, 1, buffer);
                    io.checkOutOfRange(BlockOp.READ, lba, 1, buffer);
                }
            }
        }
    }

    private void overlapped(Io io) {
        io.writeStamped(0, 8, 8);
        io.writeStamped(4, 8, 9);
        io.checkStamped(0, 4, 8);
        io.checkStamped(4, 8, 9);
    }

    private void plainCalls(BlockDevice device) {
        long large = cases.limits().maxTransferBytes() * 2L + blockSize;
        int bytes = (int) Math.min(large, BlockDeviceKit.LEAST_BYTES / 2);
        int count = bytes / blockSize;
        MemorySegment heap = MemorySegment.ofArray(new byte[count * blockSize]);
        Stamp.fill(heap, 0, blockSize, 11, count, 10);
        device.writeBlock(11, heap);
        device.flush();
        MemorySegment back = MemorySegment.ofArray(new byte[count * blockSize]);
        device.readBlock(11, back);
        Stamp.check(back, 0, blockSize, 11, count, 10);
        try (DmaBuffer buffer = device.allocate(2L * blockSize)) {
            device.readBlock(12, buffer.segment());
            Stamp.check(buffer.segment(), 0, blockSize, 12, 2, 10);
        }
        device.readBlock(0, MemorySegment.NULL);
        device.writeBlock(0, MemorySegment.NULL);
    }

    private void plainBeyondTheEnd(BlockDevice device) {
        MemorySegment two = MemorySegment.ofArray(new byte[2 * blockSize]);
        for (long lba : new long[] {blocks - 1, blocks, Long.MAX_VALUE}) {
            BlockException e =
                    Check.fails(
                            "read at " + lba,
                            BlockStatus.OUT_OF_RANGE,
                            () -> device.readBlock(lba, two));
            Check.that(
                    String.valueOf(e.getMessage()).contains(Long.toString(lba)),
                    "the message does not name block " + lba + ": " + e.getMessage());
            Check.fails(
                    "write at " + lba, BlockStatus.OUT_OF_RANGE, () -> device.writeBlock(lba, two));
        }
    }

    private void sane(BlockDevice device) {
        Check.that(blockSize >= 512 && Integer.bitCount(blockSize) == 1, "block size " + blockSize);
        Check.that(blocks > 0, "no blocks");
        Check.that(!device.identity().key().isBlank(), "no identity");
        String limits = device.limits().toString();
        int transfer = cases.limits().maxTransferBytes();
        Check.that(transfer >= blockSize && transfer % blockSize == 0, limits);
        Check.that(cases.limits().maxSegments() >= 1, limits);
        Check.that(cases.limits().maxQueues() >= 1, limits);
        Check.that(cases.limits().maxQueueDepth() >= 1, limits);
        Check.that(Integer.bitCount(cases.limits().segmentAlignment()) == 1, limits);
        // Or a single block could not be moved.
        Check.that(cases.limits().segmentAlignment() <= blockSize, limits);
        Check.that(device.limits().equals(cases.limits()), "limits change: " + limits);
        boolean zeroing =
                cases.limits().supports(BlockOp.DISCARD)
                        || cases.limits().supports(BlockOp.WRITE_ZEROES);
        Check.that(!zeroing || cases.limits().maxDiscardBlocks() >= 1, limits);
        Check.that(
                !cases.limits().volatileCache() || cases.limits().supports(BlockOp.FLUSH),
                "a volatile cache without flush");
    }
}
