package helix.shell.nvme;

import helix.modules.api.Request;
import helix.shell.Platform;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Shows the latest errors of a controller.
@Command(description = "Shows the latest errors of a controller.")
public final class ErrorLog extends NvmeReport {
    @Option(
            names = {"-e", "--log-entries"},
            paramLabel = "<count>",
            description = "How many at the most.")
    private @Nullable Integer entries;

    /// Makes the command.
    ///
    /// @param platform whom to ask
    public ErrorLog(Platform platform) {
        super(platform);
    }

    @Override
    Request request(OptionalInt namespace) {
        return new Request("error-log", entries == null ? Map.of() : Map.of("entries", entries));
    }
}
