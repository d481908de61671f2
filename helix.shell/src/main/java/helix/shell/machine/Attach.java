package helix.shell.machine;

import helix.block.api.Disk;
import helix.hal.api.Deadline;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.net.api.NetworkInterface;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Attaches a device of another process.
@Command(
        description = {
            "Attaches a device that another process serves, and waits until it is in service.",
            "Such as: helix:attach vhost-user:/run/disk.sock --type blk"
        })
public final class Attach extends Report {
    /// The machine that such devices belong to, and what its addresses begin with.
    static final String MACHINE = "vhostuser";

    static final String SCHEME = "vhost-user:";

    private static final String BLOCK = "blk";
    private static final long LOOK_NANOS = 1_000_000;
    private static final Duration SERVICE_LIMIT = Duration.ofSeconds(10);

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
    /// @param name of the disk or interface
    record Attached(String id, String type, String path, String name) {}

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
        MachineControl control = control(platform);
        String attachedId = control.plug(type, options);
        Attached attached = new Attached(attachedId, type, path, service(control, attachedId));
        if (!out.json(attached)) {
            out.line(
                    "%s is attached: %s at %s, %s"
                            .formatted(attached.id(), type, path, attached.name()));
        }
    }

    /// Waits for the disk or interface of what was attached: its drivers come up one after the
    /// other, that of the bus and that of the device.
    private String service(MachineControl control, String plugged) {
        String device = control.device(plugged).orElse(plugged);
        List<String> open = settle(platform.requireBinder(), device);
        return serving(device)
                .orElseThrow(() ->
                        new CommandFailed(
                                "%s is attached, but there is no %s: %s"
                                        .formatted(
                                                plugged,
                                                type.equals(BLOCK) ? "disk" : "interface",
                                                obstacle(device, open))));
    }

    /// The registry tells one after the other of a device: the binder may hear of it later than the
    /// machine.
    private static List<String> settle(Binder binder, String device) {
        Deadline deadline = Deadline.after(SERVICE_LIMIT);
        while (!knows(binder, device)) {
            if (deadline.isExpired()) {
                return List.of(device);
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
        return binder.awaitSettled(deadline);
    }

    private static boolean knows(Binder binder, String device) {
        try {
            return !binder.why(device).isEmpty();
        } catch (IllegalArgumentException e) {
            return false; // not yet
        }
    }

    private Optional<String> serving(String device) {
        if (type.equals(BLOCK)) {
            return platform.disks().stream()
                    .filter(d -> d.backing().filter(b -> isOf(device, b.device())).isPresent())
                    .map(Disk::name)
                    .findFirst();
        }
        return platform.interfaces().stream()
                .filter(i -> i.backing().filter(b -> isOf(device, b.device())).isPresent())
                .map(NetworkInterface::name)
                .findFirst();
    }

    /// Whether an id is that of a device or of one behind it: `0001:00:01.0/virtio`.
    private static boolean isOf(String device, String id) {
        return id.equals(device) || id.startsWith(device + "/");
    }

    private String obstacle(String device, List<String> open) {
        String modules =
                platform.modules().stream()
                        .filter(m -> isOf(device, m.deviceId()))
                        .filter(m -> m.state() != Binder.State.RUNNING)
                        .map(m -> m.name() + " is " + m.state() + because(m.reason()))
                        .collect(Collectors.joining("; "));
        if (!modules.isEmpty()) {
            return modules;
        }
        return open.stream().anyMatch(o -> isOf(device, o))
                ? "not settled within " + SERVICE_LIMIT.toSeconds() + " s: " + open
                : "no driver serves " + device + " (see helix:why " + device + ")";
    }

    private static String because(String reason) {
        return reason.isEmpty() ? "" : ": " + reason;
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
