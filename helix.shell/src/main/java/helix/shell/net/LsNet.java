package helix.shell.net;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;

/// Lists network interfaces, also those that are not there at the moment.
@Command(description = "Lists network interfaces.")
public final class LsNet extends Report {
    private static final Table<InterfaceRow> TABLE =
            new Table<InterfaceRow>()
                    .column("NAME", InterfaceRow::name)
                    .column("STATE", InterfaceRow::state)
                    .column("LINK", InterfaceRow::link)
                    .column("MAC", InterfaceRow::mac)
                    .number("MTU", InterfaceRow::mtu)
                    .number("SPEED", InterfaceRow::speed)
                    .column("DEVICE", InterfaceRow::device)
                    .column("DRIVER", InterfaceRow::driver)
                    .number("GENERATION", InterfaceRow::generation)
                    .column("USER", InterfaceRow::user);

    private final Platform platform;

    /// Makes the command.
    ///
    /// @param platform where to look
    public LsNet(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        if (platform.interfaces().isEmpty()) {
            platform.requireMachine();
        }
        List<InterfaceRow> rows = platform.interfaces().stream().map(InterfaceRow::of).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }
}
