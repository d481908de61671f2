package helix.shell.net;

import helix.net.api.ip.IpStack;
import helix.net.api.ip.IpStack.FetchReport;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Fetches a file over the network.
@Command(description = "Fetches a file by HTTP or TFTP.")
public final class Fetch extends InterfaceReport {
    private static final int OK = 200;

    @Parameters(
            index = "1",
            paramLabel = "<uri>",
            description = "http://ADDRESS[:PORT]/PATH or tftp://ADDRESS/NAME.")
    private String uri = "";

    @Option(
            names = "--out",
            required = true,
            paramLabel = "<file>",
            description = "Where its bytes go.")
    private String target = "";

    @Option(
            names = "--timeout",
            paramLabel = "<seconds>",
            defaultValue = "60",
            description = "How long it may take; ${DEFAULT-VALUE}.")
    private double timeout;

    /// Makes the command.
    ///
    /// @param platform where to act
    public Fetch(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        IpStack stack = platform.requireIpStack();
        Path file = file(target);
        FetchReport report;
        try (FileChannel channel =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE)) {
            report =
                    stack.fetch(
                            networkInterface(),
                            URI.create(uri),
                            channel,
                            duration("--timeout", timeout));
        }
        if (!out.json(report)) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%s in %.2f s, %s/s, %d sent again",
                            Sizes.text(report.bytes()),
                            report.seconds(),
                            Sizes.text((long) (report.bytes() / report.seconds())),
                            report.retransmissions()));
        }
        if (report.status() != 0 && report.status() != OK) {
            throw new CommandFailed(uri + ": HTTP status " + report.status());
        }
    }
}
