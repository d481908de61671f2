package helix.shell.nvme;

import helix.modules.api.Request;
import helix.shell.Platform;
import java.util.Map;
import java.util.OptionalInt;
import picocli.CommandLine.Command;

/// Identifies an NVMe controller.
@Command(description = "Identifies an NVMe controller.")
public final class IdCtrl extends NvmeReport {
    /// Makes the command.
    ///
    /// @param platform whom to ask
    public IdCtrl(Platform platform) {
        super(platform);
    }

    @Override
    Request request(OptionalInt namespace) {
        return new Request("id-ctrl", Map.of());
    }
}
