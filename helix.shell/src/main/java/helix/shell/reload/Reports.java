package helix.shell.reload;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;

/// Lists what drivers were replaced, and how that went.
@Command(description = "Lists the last reloads of drivers and what they came to.")
public final class Reports extends Report {
    private static final Table<ReloadRow> TABLE =
            new Table<ReloadRow>()
                    .number("ID", ReloadRow::id)
                    .column("TIME", ReloadRow::time)
                    .column("DRIVER", ReloadRow::driver)
                    .column("CAUSE", ReloadRow::cause)
                    .column("FROM", ReloadRow::from)
                    .column("TO", ReloadRow::to)
                    .column("OUTCOME", ReloadRow::outcome)
                    .column("MODE", ReloadRow::mode)
                    .number("PAUSE MS", r -> ReloadRow.millis(r.pauseMs()))
                    .number("PARKED", ReloadRow::parked)
                    .number("ADOPTED", ReloadRow::adopted)
                    .number("REPLAYED", ReloadRow::replayed)
                    .number("FAILED", ReloadRow::failed)
                    .number("OTHERS", ReloadRow::otherBundlesTouched)
                    .number("RECOVERY MS", Reports::recovery)
                    .column("STEP", ReloadRow::step)
                    .column("REASON", ReloadRow::reason);

    private final Platform platform;

    /// Makes the command.
    ///
    /// @param platform where to look
    public Reports(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        List<ReloadRow> rows =
                platform.requireReloads().reports().stream().map(ReloadRow::of).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }

    private static String recovery(ReloadRow row) {
        return row.recoveryMs() == null ? "" : ReloadRow.millis(row.recoveryMs());
    }
}
