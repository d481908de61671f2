package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.Disk.Statistics;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Shows what was done with disks.
@Command(description = "Shows what was done with disks since they were first seen.")
public final class Stat extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .number("READS", Row::reads)
                    .number("WRITES", Row::writes)
                    .number("FLUSHES", Row::flushes)
                    .number("OTHERS", Row::others)
                    .number("READ", r -> Sizes.text(r.bytesRead()))
                    .number("WRITTEN", r -> Sizes.text(r.bytesWritten()))
                    .number("ERRORS", Row::errors)
                    .number("BOUNCED", Row::bounced);

    private final Platform platform;

    @Parameters(arity = "0..1", paramLabel = "<disk>", description = "Only this one.")
    private @Nullable String name;

    /// A disk's counters.
    ///
    /// @param name the disk
    /// @param reads completed read requests
    /// @param writes completed write requests
    /// @param flushes completed flushes
    /// @param others completed requests of other kinds
    /// @param bytesRead bytes read
    /// @param bytesWritten bytes written
    /// @param errors requests that ended with an error
    /// @param bounced requests that had to be copied
    record Row(
            String name,
            long reads,
            long writes,
            long flushes,
            long others,
            long bytesRead,
            long bytesWritten,
            long errors,
            long bounced) {
        static Row of(Disk disk) {
            Statistics s = disk.statistics();
            return new Row(
                    disk.name(),
                    s.reads(),
                    s.writes(),
                    s.flushes(),
                    s.others(),
                    s.bytesRead(),
                    s.bytesWritten(),
                    s.errors(),
                    s.bounced());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to look
    public Stat(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        if (platform.disks().isEmpty()) {
            platform.requireMachine();
        }
        List<Disk> disks = name == null ? platform.disks() : List.of(platform.disk(name));
        List<Row> rows = disks.stream().map(Row::of).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }
}
