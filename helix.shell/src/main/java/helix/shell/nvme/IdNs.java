package helix.shell.nvme;

import helix.modules.api.Request;
import helix.shell.Platform;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Identifies a namespace.
@Command(description = "Identifies a namespace.")
public final class IdNs extends NvmeReport {
    @Option(
            names = {"-n", "--namespace-id"},
            paramLabel = "<nsid>",
            description = "The namespace; the disk's, else 1.")
    private @Nullable Integer nsid;

    /// Makes the command.
    ///
    /// @param platform whom to ask
    public IdNs(Platform platform) {
        super(platform);
    }

    @Override
    Request request(OptionalInt namespace) {
        int number = nsid != null ? nsid : namespace.orElse(1);
        return new Request("id-ns", Map.of("nsid", number));
    }
}
