package helix.shell.reload;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// Goes back to the revision before.
@Command(description = "Goes back to a driver's revision before, while it serves.")
public final class Rollback extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<driver>", description = "As helix:drivers names it.")
    private String driver = "";

    @Mixin private ReloadOptions how = new ReloadOptions();

    /// Makes the command.
    ///
    /// @param platform where to act
    public Rollback(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        ReloadRow.print(out, platform.requireReloads().rollback(driver, how.options()));
    }
}
