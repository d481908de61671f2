package helix.shell.blk;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;

/// Lists disks, also those that are not there at the moment.
@Command(description = "Lists disks.")
public final class LsBlk extends Report {
    private static final Table<DiskRow> TABLE =
            new Table<DiskRow>()
                    .column("NAME", DiskRow::name)
                    .column("STATE", DiskRow::state)
                    .number("SIZE", r -> Sizes.text(r.size()))
                    .number("BLOCK", DiskRow::blockSize)
                    .column("MODEL", DiskRow::model)
                    .column("SERIAL", DiskRow::serial)
                    .column("FIRMWARE", DiskRow::firmware)
                    .number("NS", DiskRow::namespace)
                    .column("DEVICE", DiskRow::device)
                    .column("DRIVER", DiskRow::driver)
                    .number("GENERATION", DiskRow::generation)
                    .column("USERS", DiskRow::users);

    private final Platform platform;

    /// Makes the command.
    ///
    /// @param platform where to look
    public LsBlk(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        if (platform.disks().isEmpty()) {
            platform.requireMachine();
        }
        List<DiskRow> rows = platform.disks().stream().map(DiskRow::of).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }
}
