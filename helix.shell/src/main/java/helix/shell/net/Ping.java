package helix.shell.net;

import helix.net.api.ip.IpStack.PingOptions;
import helix.net.api.ip.IpStack.PingReport;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import java.io.IOException;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Pings.
@Command(description = "Sends ICMP echo requests; fails if no reply comes.")
public final class Ping extends InterfaceReport {
    @Parameters(index = "1", paramLabel = "<address>", description = "An IPv4 address.")
    private String address = "";

    @Option(
            names = "--count",
            paramLabel = "<number>",
            defaultValue = "4",
            description = "How many; ${DEFAULT-VALUE}.")
    private int count;

    @Option(
            names = "--interval",
            paramLabel = "<seconds>",
            defaultValue = "0.2",
            description = "Between two; ${DEFAULT-VALUE}.")
    private double interval;

    @Option(
            names = "--size",
            paramLabel = "<bytes>",
            defaultValue = "56",
            description = "Bytes of data in each; ${DEFAULT-VALUE}.")
    private int size;

    @Option(
            names = "--timeout",
            paramLabel = "<seconds>",
            defaultValue = "2",
            description = "The longest wait for a reply; ${DEFAULT-VALUE}.")
    private double timeout;

    /// Makes the command.
    ///
    /// @param platform where to act
    public Ping(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        if (count < 1 || size < 0 || size > 1400) {
            throw new CommandFailed("--count is at least 1, --size 0 to 1400");
        }
        PingOptions options =
                new PingOptions(
                        count,
                        duration("--interval", interval),
                        size,
                        duration("--timeout", timeout));
        PingReport r = platform.requireIpStack().ping(networkInterface(), address, options);
        if (!out.json(r)) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%s: %d sent, %d received, %.1f %% lost; %.0f/%.0f/%.0f us"
                                    + " (least/mean/most)",
                            r.address(),
                            r.sent(),
                            r.received(),
                            100.0 * (r.sent() - r.received()) / r.sent(),
                            r.minUs(),
                            r.meanUs(),
                            r.maxUs()));
        }
        if (r.received() == 0) {
            throw new CommandFailed("no reply from " + address);
        }
    }
}
