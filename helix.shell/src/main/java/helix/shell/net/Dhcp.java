package helix.shell.net;

import helix.net.api.ip.IpStack.Lease;
import helix.shell.Output;
import helix.shell.Platform;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Asks for an address.
@Command(description = "Asks for an IPv4 address by DHCP; net:ping and net:fetch use it.")
public final class Dhcp extends InterfaceReport {
    @Option(
            names = "--timeout",
            paramLabel = "<seconds>",
            defaultValue = "10",
            description = "The longest wait; ${DEFAULT-VALUE}.")
    private double timeout;

    /// Makes the command.
    ///
    /// @param platform where to act
    public Dhcp(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException {
        Lease lease =
                platform.requireIpStack().dhcp(networkInterface(), duration("--timeout", timeout));
        if (!out.json(lease)) {
            out.line(
                    lease.address()
                            + "/"
                            + lease.prefix()
                            + " from "
                            + lease.server()
                            + " for "
                            + lease.seconds()
                            + " s, "
                            + (lease.gateway() == null
                                    ? "no gateway"
                                    : "gateway " + lease.gateway())
                            + ", "
                            + (lease.servers().isEmpty()
                                    ? "no name servers"
                                    : "name servers " + String.join(" ", lease.servers())));
        }
    }
}
