package helix.shell.tree;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Stops a device's driver and keeps the device unbound, also after a restart.
@Command(
        description = "Stops a device's driver and keeps the device unbound, also after a restart.")
public final class Unbind extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<device>", description = "Address, module or disk.")
    private String device = "";

    /// Makes the command.
    ///
    /// @param platform where to act
    public Unbind(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        String id = platform.deviceId(device);
        platform.requireBinder().unbind(id);
        Outcome outcome = Outcome.of(platform, id);
        if (!out.json(outcome)) {
            out.line(outcome.text());
        }
    }
}
