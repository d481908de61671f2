package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.Disk.Latency;
import helix.block.api.Disk.Statistics;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.util.List;
import java.util.Locale;
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
                    .number("BOUNCED", Row::bounced)
                    .number("PARKED", Row::parked)
                    .number("ADOPTED", Row::adopted)
                    .number("REPLAYED", Row::replayed);

    private static final Table<Delay> DELAYS =
            new Table<Delay>()
                    .column("NAME", Delay::disk)
                    .column("REQUEST", d -> d.latency().operation())
                    .number("COUNT", d -> d.latency().count())
                    .number("MIN US", d -> micros(d.latency().min()))
                    .number("MEAN US", d -> micros(d.latency().mean()))
                    .number("50 %", d -> micros(d.latency().p50()))
                    .number("90 %", d -> micros(d.latency().p90()))
                    .number("99 %", d -> micros(d.latency().p99()))
                    .number("99.9 %", d -> micros(d.latency().p999()))
                    .number("MAX US", d -> micros(d.latency().max()));

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
    /// @param parked requests that waited for a driver
    /// @param adopted requests in flight that a driver's next generation took over
    /// @param replayed requests that were submitted again after a reset
    /// @param latencies how long requests took, in microseconds, for each kind there was
    record Row(
            String name,
            long reads,
            long writes,
            long flushes,
            long others,
            long bytesRead,
            long bytesWritten,
            long errors,
            long bounced,
            long parked,
            long adopted,
            long replayed,
            List<Latency> latencies) {
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
                    s.bounced(),
                    s.parked(),
                    s.adopted(),
                    s.replayed(),
                    disk.latencies());
        }
    }

    private record Delay(String disk, Latency latency) {}

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
            List<Delay> delays =
                    rows.stream()
                            .flatMap(r -> r.latencies().stream().map(l -> new Delay(r.name(), l)))
                            .toList();
            if (!delays.isEmpty()) {
                out.line("");
                DELAYS.print(out, delays);
            }
        }
    }

    private static String micros(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
