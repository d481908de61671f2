package helix.shell.blk.engine;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/// Copies between a block device and a file, with several requests in flight.
///
/// Offsets and sizes are in bytes and need not be multiples of the block size. Where a copy to the
/// device begins or ends within a block, the rest of that block is kept: it is read first, and
/// written back with the file's bytes laid over it.
public final class StreamCopy {
    private final BlockDevice device;
    private final int blockSize;
    private final long firstByte;
    private final long bytes;
    private final long firstBlock;
    private final long blocks;

    private StreamCopy(BlockDevice device, long firstByte, long bytes) {
        long capacity = device.totalBlocks() * device.blockSize();
        if (firstByte < 0 || bytes < 0 || bytes > capacity || firstByte > capacity - bytes) {
            throw new BlockException(
                    bytes + " bytes at offset " + firstByte + " of a disk of " + capacity,
                    BlockStatus.OUT_OF_RANGE);
        }
        this.device = device;
        blockSize = device.blockSize();
        this.firstByte = firstByte;
        this.bytes = bytes;
        firstBlock = firstByte / blockSize;
        blocks = (firstByte + bytes + blockSize - 1) / blockSize - firstBlock;
    }

    /// Copies a part of a device to a file, from the file's first byte on.
    ///
    /// @param device what to read
    /// @param file open for writing; a longer file keeps its tail
    /// @param offset the first byte on the device
    /// @param bytes how many
    /// @param progress told how far it is
    /// @param cancel asked whether to end early
    /// @throws BlockException if the part is beyond the device's end or could not be read
    /// @throws java.util.concurrent.CancellationException if cancelled
    /// @throws IOException if the file could not be written
    public static void toFile(
            BlockDevice device,
            FileChannel file,
            long offset,
            long bytes,
            Progress progress,
            CancelSignal cancel)
            throws IOException {
        StreamCopy copy = new StreamCopy(device, offset, bytes);
        if (bytes == 0) {
            return;
        }
        try (Pipeline pipeline = new Pipeline(device)) {
            pipeline.run(
                    BlockOp.READ,
                    copy.firstBlock,
                    copy.blocks,
                    chunk -> copy.save(chunk, file),
                    copy.clamped(progress),
                    cancel);
        }
    }

    /// Copies a whole file to a device and makes it durable. Nothing is written if it does not fit.
    ///
    /// @param device what to write; the caller has it to itself
    /// @param file open for reading
    /// @param offset where the first byte goes on the device
    /// @param progress told how far it is
    /// @param cancel asked whether to end early; what was written until then stays
    /// @return how many bytes were copied
    /// @throws BlockException if the file does not fit or the device could not be written
    /// @throws java.util.concurrent.CancellationException if cancelled
    /// @throws IOException if the file could not be read
    public static long fromFile(
            BlockDevice device,
            FileChannel file,
            long offset,
            Progress progress,
            CancelSignal cancel)
            throws IOException {
        StreamCopy copy = new StreamCopy(device, offset, file.size());
        if (copy.bytes == 0) {
            return 0;
        }
        // Before the pipeline takes a queue: a device may have but one.
        @Nullable MemorySegment head = copy.keptAt(offset);
        @Nullable MemorySegment tail = copy.keptAt(offset + copy.bytes);
        try (Pipeline pipeline = new Pipeline(device)) {
            pipeline.run(
                    BlockOp.WRITE,
                    copy.firstBlock,
                    copy.blocks,
                    chunk -> copy.load(chunk, file, head, tail),
                    copy.clamped(progress),
                    cancel);
            pipeline.flush(cancel);
        }
        return copy.bytes;
    }

    /// The block that a byte is in, null if the byte is the block's first.
    private @Nullable MemorySegment keptAt(long position) {
        if (position % blockSize == 0) {
            return null;
        }
        MemorySegment block = MemorySegment.ofArray(new byte[blockSize]);
        device.readBlock(position / blockSize, block);
        return block;
    }

    /// Whole blocks are moved; only the bytes asked for are counted.
    private Progress clamped(Progress progress) {
        return (done, total) -> progress.moved(Math.min(done, bytes), bytes);
    }

    private long chunkStart(Pipeline.Chunk chunk) {
        return chunk.lba() * blockSize;
    }

    /// The bytes of a chunk that are asked for.
    private ByteBuffer wanted(Pipeline.Chunk chunk) {
        long start = chunkStart(chunk);
        long from = Math.max(firstByte, start) - start;
        long size = (long) chunk.blocks() * blockSize;
        long to = Math.min(firstByte + bytes, start + size) - start;
        return chunk.view((int) from, (int) to);
    }

    private void save(Pipeline.Chunk chunk, FileChannel file) throws IOException {
        ByteBuffer from = wanted(chunk);
        long at = chunkStart(chunk) - firstByte;
        while (from.hasRemaining()) {
            file.write(from, at + from.position());
        }
    }

    private void load(
            Pipeline.Chunk chunk,
            FileChannel file,
            @Nullable MemorySegment head,
            @Nullable MemorySegment tail)
            throws IOException {
        if (head != null && chunk.lba() == firstBlock) {
            MemorySegment.copy(head, 0, chunk.memory(), 0, blockSize);
        }
        long lastBlock = firstBlock + blocks - 1;
        if (tail != null && chunk.lba() + chunk.blocks() > lastBlock) {
            long at = (lastBlock - chunk.lba()) * blockSize;
            MemorySegment.copy(tail, 0, chunk.memory(), at, blockSize);
        }
        ByteBuffer to = wanted(chunk);
        long at = chunkStart(chunk) - firstByte;
        while (to.hasRemaining()) {
            if (file.read(to, at + to.position()) < 0) {
                throw new EOFException(
                        "the file of " + bytes + " bytes now ends at " + (at + to.position()));
            }
        }
    }
}
