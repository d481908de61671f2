package helix.shell.tree;

import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Forgets bind and unbind, and starts the best driver anew.
@Command(description = "Forgets bind and unbind, and starts the best driver anew.")
public final class Rebind extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<device>", description = "Address, module or disk.")
    private String device = "";

    /// Makes the command.
    ///
    /// @param platform where to act
    public Rebind(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        String id = platform.deviceId(device);
        platform.requireBinder().rebind(id);
        Outcome outcome = Outcome.of(platform, id);
        if (!out.json(outcome)) {
            out.line(outcome.text());
        }
    }
}
