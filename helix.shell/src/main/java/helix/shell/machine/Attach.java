package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Attaches a device of another process.
@Command(
        description = {
            "Attaches a device that another process serves.",
            "Such as: helix:attach vhost-user:/run/disk.sock --type blk"
        })
public final class Attach extends Report {
    /// The machine that such devices belong to, and what its addresses begin with.
    static final String MACHINE = "vhostuser";

    static final String SCHEME = "vhost-user:";

    private final Platform platform;

    @Parameters(
            paramLabel = "<address>",
            description = "vhost-user:PATH of the socket on which the other process listens.")
    private String address = "";

    @Option(
            names = {"-t", "--type"},
            paramLabel = "<type>",
            required = true,
            description = "What is behind the socket: blk or net.")
    private String type = "";

    @Option(
            names = "--id",
            paramLabel = "<id>",
            description = "The name for helix:detach; vu0, vu1 and so on without it.")
    private @Nullable String id;

    @Option(
            names = "--mac",
            paramLabel = "<mac>",
            description = "A network device's address; made from the path without it.")
    private @Nullable String mac;

    @Option(
            names = "--queue-size",
            paramLabel = "<entries>",
            description = "The most entries of a queue, a power of two; 1024 without it.")
    private @Nullable Integer queueSize;

    @Option(
            names = "--without",
            paramLabel = "<bits>",
            description = "Features that the driver is not offered: numbers of bits, as 0,15.")
    private @Nullable String without;

    /// What was attached.
    ///
    /// @param id the name for helix:detach
    /// @param type what is behind the socket
    /// @param path the socket
    record Attached(String id, String type, String path) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Attach(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        String path = path(address);
        Map<String, String> options = new LinkedHashMap<>();
        options.put("path", path);
        if (id != null) {
            options.put("id", id);
        }
        if (mac != null) {
            options.put("mac", mac);
        }
        if (queueSize != null) {
            options.put("queue-size", queueSize.toString());
        }
        if (without != null) {
            options.put("without", without);
        }
        Attached attached = new Attached(control(platform).plug(type, options), type, path);
        if (!out.json(attached)) {
            out.line(attached.id() + " is attached: " + type + " at " + path);
        }
    }

    private static String path(String address) {
        if (!address.startsWith(SCHEME) || address.length() == SCHEME.length()) {
            throw new CommandFailed("'" + address + "' is no address (expected vhost-user:PATH)");
        }
        return Path.of(address.substring(SCHEME.length())).toAbsolutePath().toString();
    }

    /// Who attaches.
    static MachineControl control(Platform platform) {
        return platform.controls().stream()
                .filter(c -> c.machine().equals(MACHINE))
                .findFirst()
                .orElseThrow(() ->
                        new CommandFailed(
                                "nothing can be attached: bundle helix.hal.vhostuser is not"
                                        + " active"));
    }
}
