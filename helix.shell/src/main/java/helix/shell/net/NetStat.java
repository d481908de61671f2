package helix.shell.net;

import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Statistics;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Shows what passed interfaces.
@Command(description = "Shows what passed interfaces since they were first seen.")
public final class NetStat extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .number("RX FRAMES", Row::rxFrames)
                    .number("RX", r -> Sizes.text(r.rxBytes()))
                    .number("RX DROPPED", Row::rxDropped)
                    .number("TX FRAMES", Row::txFrames)
                    .number("TX", r -> Sizes.text(r.txBytes()))
                    .number("TX DROPPED", Row::txDropped)
                    .number("TX PARKED", Row::txParked)
                    .number("GENERATIONS", Row::generations);

    private final Platform platform;

    @Parameters(arity = "0..1", paramLabel = "<interface>", description = "Only this one.")
    private @Nullable String name;

    /// An interface's counters.
    ///
    /// @param name the interface
    /// @param rxFrames frames received
    /// @param rxBytes their bytes
    /// @param rxDropped frames that came and were lost
    /// @param txFrames frames sent
    /// @param txBytes their bytes
    /// @param txDropped frames that were given up
    /// @param txParked frames that waited for a driver
    /// @param generations of the driver so far
    record Row(
            String name,
            long rxFrames,
            long rxBytes,
            long rxDropped,
            long txFrames,
            long txBytes,
            long txDropped,
            long txParked,
            long generations) {
        static Row of(NetworkInterface face) {
            Statistics s = face.statistics();
            return new Row(
                    face.name(),
                    s.rxFrames(),
                    s.rxBytes(),
                    s.rxDropped(),
                    s.txFrames(),
                    s.txBytes(),
                    s.txDropped(),
                    s.txParked(),
                    s.generations());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to look
    public NetStat(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        if (platform.interfaces().isEmpty()) {
            platform.requireMachine();
        }
        List<Row> rows =
                (name == null ? platform.interfaces() : List.of(platform.networkInterface(name)))
                        .stream().map(Row::of).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }
}
