package helix.shell.blk.soak;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Compares a raw image with what a writer knows, past disk and driver.
final class ImageCheck {
    private static final int CHUNK = 1 << 20;

    private ImageCheck() {}

    /// Looks at a writer's part. What was wrong through the disk already is not counted again.
    static void run(Path image, Writer writer, long run, int blockSize, Defects defects)
            throws IOException {
        Ledger ledger = writer.ledger();
        int cellBytes = ledger.blocksPerCell() * blockSize;
        int cellsPerChunk = Math.max(1, CHUNK / cellBytes);
        try (Arena arena = Arena.ofConfined();
                FileChannel file = FileChannel.open(image, StandardOpenOption.READ)) {
            MemorySegment memory = arena.allocate((long) cellsPerChunk * cellBytes, Long.BYTES);
            ByteBuffer bytes = memory.asByteBuffer();
            Stamp stamp = new Stamp(memory, blockSize, run);
            Checker checker =
                    new Checker(stamp, ledger, defects, blockSize, " of " + image.getFileName());
            for (int first = 0; first < ledger.cells(); first += cellsPerChunk) {
                int count = Math.min(cellsPerChunk, ledger.cells() - first);
                bytes.clear().limit(count * cellBytes);
                read(file, bytes, ledger.lba(first) * blockSize);
                for (int i = 0; i < count; i++) {
                    if (!writer.wasWrong(first + i)) {
                        checker.check((long) i * cellBytes, first + i, 1, true);
                    }
                }
            }
        }
    }

    private static void read(FileChannel file, ByteBuffer bytes, long offset) throws IOException {
        long at = offset;
        while (bytes.hasRemaining()) {
            int read = file.read(bytes, at);
            if (read < 0) {
                throw new EOFException("the image ends at byte " + at);
            }
            at += read;
        }
    }
}
