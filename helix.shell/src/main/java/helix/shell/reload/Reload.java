package helix.shell.reload;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// Replaces a driver's modules by new ones of the same revision.
@Command(description = "Loads a driver anew while it serves.")
public final class Reload extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<driver>", description = "As helix:drivers names it.")
    private String driver = "";

    @Mixin private ReloadOptions how = new ReloadOptions();

    /// Makes the command.
    ///
    /// @param platform where to act
    public Reload(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        ReloadRow.print(out, platform.requireReloads().reload(driver, how.options()));
    }
}
