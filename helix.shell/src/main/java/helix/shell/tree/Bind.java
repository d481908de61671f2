package helix.shell.tree;

import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.DriverStatus;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Binds a device to a driver, from now on and after a restart.
@Command(description = "Binds a device to a driver, from now on and after a restart.")
public final class Bind extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<device>", description = "Address, module or disk.")
    private String device = "";

    @Parameters(paramLabel = "<driver>", description = "A driver that helix:drivers lists.")
    private String driver = "";

    /// Makes the command.
    ///
    /// @param platform where to act
    public Bind(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        String id = platform.deviceId(device);
        Binder binder = platform.requireBinder();
        List<String> known = binder.drivers().stream().map(DriverStatus::name).toList();
        if (!known.contains(driver)) {
            throw Platform.unknown("driver", driver, known);
        }
        binder.bind(id, driver);
        Outcome outcome = Outcome.of(platform, id);
        if (!out.json(outcome)) {
            out.line(outcome.text());
        }
    }
}
