package helix.shell.net;

import helix.net.api.tap.TapBridges;
import helix.net.api.tap.TapBridges.Bridge;
import helix.net.api.tap.TapBridges.Counters;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Joins an interface with a TAP device.
@Command(
        description = {
            "Joins an interface with a TAP device of the Linux kernel, until net:bridge --stop TAP.",
            "Give the TAP device an address with ip(8); it has the interface's hardware address."
        })
public final class BridgeTap extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .column("TAP", Row::tap)
                    .column("STATE", r -> r.open() ? "open" : "failed")
                    .number("TO TAP", Row::toTap)
                    .number("FROM TAP", Row::fromTap)
                    .number("DROPPED", Row::dropped);

    private final Platform platform;

    @Parameters(arity = "0..1", paramLabel = "<interface>", description = "Which interface.")
    private @Nullable String name;

    @Option(
            names = "--tap",
            paramLabel = "<name>",
            defaultValue = "helix0",
            description = "The TAP device; ${DEFAULT-VALUE}.")
    private String tap = "";

    @Option(names = "--list", description = "List bridges.")
    private boolean list;

    @Option(names = "--stop", paramLabel = "<tap>", description = "End the bridge to TAP.")
    private @Nullable String stop;

    /// A bridge.
    ///
    /// @param name the interface
    /// @param tap the TAP device
    /// @param open whether it works
    /// @param toTap frames to the kernel
    /// @param fromTap frames from the kernel
    /// @param dropped frames that found no room
    record Row(String name, String tap, boolean open, long toTap, long fromTap, long dropped) {
        static Row of(Bridge bridge) {
            Counters c = bridge.counters();
            return new Row(
                    bridge.of().name(),
                    bridge.tap(),
                    bridge.isOpen(),
                    c.toTap(),
                    c.fromTap(),
                    c.dropped());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to act
    public BridgeTap(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) throws IOException {
        TapBridges bridges = platform.requireTapBridges();
        if (list) {
            List<Row> rows = bridges.bridges().stream().map(Row::of).toList();
            if (!out.json(rows)) {
                TABLE.print(out, rows);
            }
            return;
        }
        Bridge bridge;
        if (stop != null) {
            bridge = find(bridges, stop);
            bridge.close();
        } else if (name == null) {
            throw new CommandFailed("bridge what? net:bridge IF --tap NAME");
        } else {
            bridge = bridges.bridge(platform.networkInterface(name), tap);
        }
        Row row = Row.of(bridge);
        if (!out.json(row)) {
            out.line(
                    stop == null
                            ? row.name() + " is " + row.tap() + " in Linux"
                            : row.tap() + " is no more");
        }
    }

    private static Bridge find(TapBridges bridges, String tap) {
        return bridges.bridges().stream()
                .filter(b -> b.tap().equals(tap))
                .findFirst()
                .orElseThrow(() ->
                        Platform.unknown(
                                "bridge to",
                                tap,
                                bridges.bridges().stream().map(Bridge::tap).toList()));
    }
}
