package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import helix.shell.blk.engine.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Fills a disk with a pattern that `blk:verify` knows.
@Command(description = "Overwrites a disk or a part of it with a pattern for blk:verify.")
public final class Fill extends DiskReport {
    @Option(
            names = "--bytes",
            paramLabel = "<size>",
            converter = Sizes.class,
            description = "How many; all to the disk's end.")
    private @Nullable Long bytes;

    @Option(
            names = "--seed",
            paramLabel = "<number>",
            description = "Tells patterns apart; ${DEFAULT-VALUE}.",
            defaultValue = "0")
    private long seed;

    @Mixin private Range range = new Range();

    /// Makes the command.
    ///
    /// @param platform where to act
    public Fill(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        Disk disk = disk();
        long offset = range.offset(disk);
        long count = Range.bytes(disk, offset, bytes);
        long lba = Range.blocks(disk, "--offset", offset);
        long blocks = Range.blocks(disk, "--bytes", count);
        ProgressBar progress = new ProgressBar(out, disk.name());
        try (progress;
                Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "blk:fill")) {
            new Pattern(seed).fill(access, lba, blocks, progress, ON_INTERRUPT);
        }
        Moved.of(disk.name(), null, offset, count, progress.seconds())
                .print(out, "filled on " + disk.name());
    }
}
