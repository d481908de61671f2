package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import helix.shell.Table;
import helix.shell.blk.engine.Pattern;
import helix.shell.blk.engine.Pattern.Mismatch;
import helix.shell.blk.engine.Pattern.Verification;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Looks whether a disk still holds what `blk:fill` wrote. Fails if not.
@Command(description = "Compares a disk or a part of it with what blk:fill wrote.")
public final class Verify extends DiskReport {
    private static final Table<Mismatch> TABLE =
            new Table<Mismatch>()
                    .number("BLOCK", Mismatch::lba)
                    .number("BYTE", Mismatch::offset)
                    .column("EXPECTED", Mismatch::expected)
                    .column("FOUND", Mismatch::found)
                    .column("LOOKS LIKE", Mismatch::looksLike);

    @Option(
            names = "--bytes",
            paramLabel = "<size>",
            converter = Sizes.class,
            description = "How many; all to the disk's end.")
    private @Nullable Long bytes;

    @Option(
            names = "--seed",
            paramLabel = "<number>",
            description = "As given to blk:fill; ${DEFAULT-VALUE}.",
            defaultValue = "0")
    private long seed;

    @Mixin private Range range = new Range();

    /// What was found.
    ///
    /// @param disk on which disk
    /// @param offset the first byte on the disk
    /// @param bytes how many were read
    /// @param seconds how long it took
    /// @param wrong blocks with wrong contents
    /// @param mismatches the first of them
    record Verdict(
            String disk,
            long offset,
            long bytes,
            double seconds,
            long wrong,
            List<Mismatch> mismatches) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Verify(Platform platform) {
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
        Verification found;
        try (progress;
                Disk.Access access = disk.open(Disk.OpenMode.READ, "blk:verify")) {
            found = new Pattern(seed).verify(access, lba, blocks, progress, ON_INTERRUPT);
        }
        double seconds = progress.seconds();
        Verdict verdict =
                new Verdict(disk.name(), offset, count, seconds, found.wrong(), found.mismatches());
        if (!out.json(verdict)) {
            if (found.wrong() == 0) {
                Moved.of(disk.name(), null, offset, count, seconds)
                        .print(out, "are as filled on " + disk.name());
            } else {
                TABLE.print(out, found.mismatches());
            }
        }
        if (found.wrong() != 0) {
            throw new CommandFailed(
                    "%d of %d blocks of %s are not as filled with seed %d"
                            .formatted(found.wrong(), found.blocks(), disk.name(), seed));
        }
    }
}
