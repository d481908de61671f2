package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import helix.shell.blk.engine.StreamCopy;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Copies a disk, or a part of it, to a file, or shows a few bytes.
@Command(description = "Copies a disk or a part of it to a file; without --out shows some bytes.")
public final class Read extends DiskReport {
    private static final int BYTES_PER_LINE = 16;
    private static final int MOST_SHOWN = 64 << 10;

    @Option(names = "--out", paramLabel = "<file>", description = "Where the bytes go.")
    private @Nullable String target;

    @Option(
            names = "--bytes",
            paramLabel = "<size>",
            converter = Sizes.class,
            description = "How many; all to the disk's end, or one block if shown.")
    private @Nullable Long bytes;

    @Mixin private Range range = new Range();

    /// Bytes that were read.
    ///
    /// @param disk from which disk
    /// @param offset the first byte on the disk
    /// @param bytes how many
    /// @param data in hex
    record Shown(String disk, long offset, long bytes, String data) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Read(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        Disk disk = disk();
        long offset = range.offset(disk);
        if (target == null) {
            show(out, disk, offset);
        } else {
            copy(out, disk, offset, target);
        }
    }

    private void copy(Output out, Disk disk, long offset, String name) throws IOException {
        long count = Range.bytes(disk, offset, bytes);
        try (Disk.Access access = disk.open(Disk.OpenMode.READ, "blk:read " + name);
                FileChannel file =
                        FileChannel.open(
                                file(name),
                                StandardOpenOption.WRITE,
                                StandardOpenOption.CREATE,
                                StandardOpenOption.TRUNCATE_EXISTING)) {
            ProgressBar progress = new ProgressBar(out, disk.name());
            try (progress) {
                StreamCopy.toFile(access, file, offset, count, progress, ON_INTERRUPT);
            }
            Moved.of(disk.name(), name, offset, count, progress.seconds())
                    .print(out, "read from " + disk.name());
        }
    }

    private void show(Output out, Disk disk, long offset) {
        int blockSize = disk.blockSize();
        long count =
                bytes == null ? blockSize - offset % blockSize : Range.bytes(disk, offset, bytes);
        if (count > MOST_SHOWN) {
            throw new CommandFailed(
                    count + " bytes are too many to show; send them to a file with --out");
        }
        long first = offset / blockSize;
        int skipped = (int) (offset % blockSize);
        int blocks = (int) ((skipped + count + blockSize - 1) / blockSize);
        byte[] memory = new byte[blocks * blockSize];
        try (Disk.Access access = disk.open(Disk.OpenMode.READ, "blk:read")) {
            access.readBlock(first, MemorySegment.ofArray(memory));
        }
        byte[] data = Arrays.copyOfRange(memory, skipped, skipped + (int) count);
        if (!out.json(new Shown(disk.name(), offset, count, HexFormat.of().formatHex(data)))) {
            for (int at = 0; at < data.length; at += BYTES_PER_LINE) {
                int end = Math.min(data.length, at + BYTES_PER_LINE);
                out.line(line(offset + at, Arrays.copyOfRange(data, at, end)));
            }
        }
    }

    private static String line(long address, byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) {
            text.append(b >= ' ' && b < 0x7F ? (char) b : '.');
        }
        String hex = HexFormat.ofDelimiter(" ").formatHex(bytes);
        return "%08x  %-47s  |%s|".formatted(address, hex, text);
    }
}
