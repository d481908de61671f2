package helix.shell.blk;

import helix.block.api.nbd.NbdExport;
import helix.block.api.nbd.NbdServer;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Ends what `blk:serve` began.
@Command(description = "Serves a disk no more: answers what is in flight, then hangs up.")
public final class Unserve extends Report {
    private final Platform platform;

    @Parameters(paramLabel = "<export>", description = "Its name, as blk:serve --list shows it.")
    private String name = "";

    /// Makes the command.
    ///
    /// @param platform where to act
    public Unserve(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        stop(platform.requireNbdServer(), name, out);
    }

    static void stop(NbdServer server, String name, Output out) {
        List<NbdExport> exports = server.exports();
        NbdExport export =
                exports.stream()
                        .filter(e -> e.name().equals(name))
                        .findFirst()
                        .orElseThrow(() ->
                                Platform.unknown(
                                        "export",
                                        name,
                                        exports.stream().map(NbdExport::name).toList()));
        export.close();
        if (!out.json(Serve.Row.of(export))) {
            out.line(name + " is served no more");
        }
    }
}
