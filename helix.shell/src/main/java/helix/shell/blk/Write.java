package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.blk.engine.StreamCopy;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Copies a file onto a disk.
@Command(description = "Copies a file onto a disk, and makes it durable.")
public final class Write extends DiskReport {
    @Option(names = "--in", required = true, paramLabel = "<file>", description = "What to write.")
    private String in = "";

    @Mixin private Range range = new Range();

    /// Makes the command.
    ///
    /// @param platform where to act
    public Write(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        Disk disk = disk();
        Path source = file(in);
        if (!Files.exists(source)) {
            throw new NoSuchFileException(in);
        }
        if (!Files.isRegularFile(source)) {
            throw new CommandFailed(in + " is no regular file");
        }
        long offset = range.offset(disk);
        try (FileChannel file = FileChannel.open(source, StandardOpenOption.READ);
                Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "blk:write " + in)) {
            long room = disk.totalBlocks() * disk.blockSize() - offset;
            if (file.size() > room) {
                throw new CommandFailed(
                        "%s has %d bytes, %s only %d from offset %d on"
                                .formatted(in, file.size(), disk.name(), room, offset));
            }
            ProgressBar progress = new ProgressBar(out, disk.name());
            long bytes;
            try (progress) {
                bytes = StreamCopy.fromFile(access, file, offset, progress, ON_INTERRUPT);
            }
            Moved.of(disk.name(), in, offset, bytes, progress.seconds())
                    .print(out, "written to " + disk.name());
        }
    }
}
