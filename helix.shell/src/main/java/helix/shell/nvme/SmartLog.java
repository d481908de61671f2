package helix.shell.nvme;

import helix.modules.api.Request;
import helix.shell.Platform;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Shows health and wear of a controller.
@Command(description = "Shows health and wear of a controller.")
public final class SmartLog extends NvmeReport {
    @Option(
            names = {"-n", "--namespace-id"},
            paramLabel = "<nsid>",
            description = "Only this namespace.")
    private @Nullable Integer nsid;

    /// Makes the command.
    ///
    /// @param platform whom to ask
    public SmartLog(Platform platform) {
        super(platform);
    }

    @Override
    Request request(OptionalInt namespace) {
        return new Request("smart-log", nsid == null ? Map.of() : Map.of("nsid", nsid));
    }
}
