package helix.shell.reload;

import helix.modules.api.reload.Reloads.Options;
import helix.shell.CommandFailed;
import helix.shell.Durations;
import java.time.Duration;
import picocli.CommandLine.Option;

/// How to replace a driver: options that several commands share.
final class ReloadOptions {
    @Option(names = "--cold", description = "Reset the devices even where they could be passed on.")
    private boolean cold;

    @Option(
            names = "--drain",
            description = "Wait for requests in flight, instead of passing or repeating them.")
    private boolean drain;

    @Option(
            names = "--timeout",
            paramLabel = "<duration>",
            converter = Durations.class,
            description =
                    "How long a device may be without service before the old revision is brought"
                            + " back: 500ms, 10s; 10s.")
    private Duration timeout = Options.STANDARD.timeout();

    Options options() {
        if (!timeout.isPositive()) {
            throw new CommandFailed("--timeout must be longer than nothing");
        }
        return new Options(cold, drain, timeout);
    }
}
