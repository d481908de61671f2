package helix.shell.net;

import helix.net.api.NetworkInterface;
import helix.shell.CommandFailed;
import helix.shell.Platform;
import helix.shell.Report;
import java.time.Duration;
import picocli.CommandLine.Parameters;

/// A command for one interface.
abstract class InterfaceReport extends Report {
    private static final double NANOS = 1e9;

    /// Where to act.
    final Platform platform;

    @Parameters(paramLabel = "<interface>", description = "Which interface.")
    private String name = "";

    InterfaceReport(Platform platform) {
        this.platform = platform;
    }

    final NetworkInterface networkInterface() {
        return platform.networkInterface(name);
    }

    static Duration duration(String option, double seconds) {
        // NaN fails this, too.
        if (!(seconds > 0 && seconds <= 1e6)) {
            throw new CommandFailed(option + " " + seconds + " is no time");
        }
        return Duration.ofNanos((long) (seconds * NANOS));
    }
}
