package helix.hal.qemu;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The ways in which this machine can be made to fail. Each was seen to work with QEMU 7.2.
final class QemuFaults {
    private static final Duration QMP_LIMIT = Duration.ofSeconds(5);
    private static final int EIO = 5;
    private static final int ENOSPC = 28;
    private static final long MAX_STALL_SECONDS = 3600;
    private static final String FIRST_DRIVE = QemuCommandLine.driveId(0);
    private static final Set<String> MEDIA_KINDS = Set.of("read", "write", "flush");
    private static final Logger LOG = LoggerFactory.getLogger(QemuFaults.class);

    private static final List<Choice> CHOICES =
            List.of(
                    new Choice(
                            "stall",
                            "stops QEMU: no access is answered; seconds=N ends it by itself"),
                    new Choice("resume", "ends a stall"),
                    new Choice(
                            "media-error",
                            "a drive's medium fails; disk=ID (drive0), on=read|write|flush (read),"
                                    + " sector=N (all; of 512 bytes), once=true, error=eio|enospc"),
                    new Choice("media-clear", "heals a drive's medium; disk=ID (drive0)"),
                    new Choice(
                            "throttle",
                            "limits a drive; disk=ID (drive0), iops=N (0 lifts it), or bps=N"),
                    new Choice("link-down", "pulls a network cable; nic=ID"),
                    new Choice("link-up", "plugs a network cable in again; nic=ID"),
                    new Choice("reset", "resets the whole machine: all registers, not the memory"),
                    new Choice("kill", "kills QEMU"));

    private final QemuParts parts;

    /// Drives whose medium fails.
    private final Set<String> failing = new HashSet<>();

    QemuFaults(QemuParts parts) {
        this.parts = parts;
    }

    List<Choice> choices() {
        return CHOICES;
    }

    /// Produces a fault.
    ///
    /// @param nodes the block node of a drive's id
    synchronized String produce(
            String name, Map<String, String> options, Function<String, Optional<String>> nodes) {
        return switch (name) {
            case "stall" -> stall(options);
            case "resume" -> {
                Options.check(options, Set.of());
                parts.process().resume();
                yield "QEMU goes on";
            }
            case "media-error" -> mediaError(options, nodes);
            case "media-clear" -> {
                Options.check(options, Set.of("disk"));
                String disk = options.getOrDefault("disk", FIRST_DRIVE);
                clear(node(disk, nodes));
                yield "the medium of " + disk + " is well";
            }
            case "throttle" -> throttle(options, nodes);
            case "link-down" -> link(options, false);
            case "link-up" -> link(options, true);
            case "reset" -> {
                Options.check(options, Set.of());
                parts.qmp().execute("system_reset", new JsonObject(), QMP_LIMIT);
                yield "the machine was reset";
            }
            case "kill" -> {
                Options.check(options, Set.of());
                parts.process().signal("KILL");
                yield "QEMU was killed";
            }
            default ->
                    throw new DeviceException(
                            "'"
                                    + name
                                    + "' is no fault of this machine; there is: "
                                    + CHOICES.stream().map(Choice::name).toList());
        };
    }

    private String stall(Map<String, String> options) {
        Options.check(options, Set.of("seconds"));
        long seconds = Options.number(options, "seconds", 0);
        if (seconds > MAX_STALL_SECONDS) {
            throw new DeviceException("a stall lasts at most " + MAX_STALL_SECONDS + " seconds");
        }
        parts.process().stop();
        if (seconds == 0) {
            return "QEMU stands still until resume";
        }
        parts.status().after(Duration.ofSeconds(seconds), () -> parts.process().resume());
        return "QEMU stands still for " + seconds + " s";
    }

    /// Puts a `blkdebug` node between a drive's format node and its protocol node.
    private String mediaError(
            Map<String, String> options, Function<String, Optional<String>> nodes) {
        Options.check(options, Set.of("disk", "on", "sector", "once", "error"));
        String disk = options.getOrDefault("disk", FIRST_DRIVE);
        String kind = options.getOrDefault("on", "read");
        if (!MEDIA_KINDS.contains(kind)) {
            throw new DeviceException("on=" + kind + " is not read, write or flush");
        }
        JsonObject rule = new JsonObject();
        // Not at an event of the image format's, but at every request of the kind.
        rule.addProperty("event", "none");
        rule.addProperty("iotype", kind);
        rule.addProperty("errno", errno(options.getOrDefault("error", "eio")));
        rule.addProperty("once", Boolean.parseBoolean(options.getOrDefault("once", "false")));
        if (options.containsKey("sector")) {
            rule.addProperty("sector", Options.number(options, "sector", 0));
        }
        String node = node(disk, nodes);
        clear(node);
        JsonArray rules = new JsonArray();
        rules.add(rule);
        JsonObject fault = new JsonObject();
        fault.addProperty("driver", "blkdebug");
        fault.addProperty("node-name", faultNode(node));
        fault.addProperty("image", Disk.protocolNode(node));
        fault.add("inject-error", rules);
        parts.qmp().execute("blockdev-add", fault, QMP_LIMIT);
        try {
            reopen(node, faultNode(node));
        } catch (DeviceException e) {
            remove(faultNode(node));
            throw e;
        }
        failing.add(node);
        return "every "
                + kind
                + " of "
                + disk
                + (options.containsKey("sector") ? " at sector " + options.get("sector") : "")
                + " fails";
    }

    private static int errno(String error) {
        return switch (error) {
            case "eio" -> EIO;
            case "enospc" -> ENOSPC;
            default -> throw new DeviceException("error=" + error + " is not eio or enospc");
        };
    }

    private void clear(String node) {
        if (failing.contains(node)) {
            reopen(node, Disk.protocolNode(node));
            remove(faultNode(node));
            failing.remove(node);
        }
    }

    /// A drive goes; what was put into its stack goes first.
    synchronized void forget(String node) {
        clear(node);
    }

    private void reopen(String node, String below) {
        JsonObject options = Disk.formatNode(node);
        options.addProperty("file", below);
        JsonArray list = new JsonArray();
        list.add(options);
        JsonObject arguments = new JsonObject();
        arguments.add("options", list);
        parts.qmp().execute("blockdev-reopen", arguments, QMP_LIMIT);
    }

    private void remove(String node) {
        JsonObject arguments = new JsonObject();
        arguments.addProperty("node-name", node);
        try {
            parts.qmp().execute("blockdev-del", arguments, QMP_LIMIT);
        } catch (DeviceException e) {
            LOG.warn("block node {} stays in QEMU", node, e);
        }
    }

    private String throttle(Map<String, String> options, Function<String, Optional<String>> nodes) {
        Options.check(options, Set.of("disk", "iops", "bps"));
        String disk = options.getOrDefault("disk", FIRST_DRIVE);
        node(disk, nodes);
        long iops = Options.number(options, "iops", 0);
        long bps = Options.number(options, "bps", 0);
        JsonObject arguments = new JsonObject();
        arguments.addProperty("id", disk);
        for (String limit : List.of("bps_rd", "bps_wr", "iops_rd", "iops_wr")) {
            arguments.addProperty(limit, 0);
        }
        arguments.addProperty("iops", iops);
        arguments.addProperty("bps", bps);
        parts.qmp().execute("block_set_io_throttle", arguments, QMP_LIMIT);
        return iops == 0 && bps == 0
                ? disk + " runs freely"
                : disk + " is limited to iops=" + iops + " bps=" + bps;
    }

    private String link(Map<String, String> options, boolean up) {
        Options.check(options, Set.of("nic"));
        String nic = options.get("nic");
        if (nic == null) {
            throw new DeviceException("which one? nic=ID, a network device's id in the profile");
        }
        JsonObject arguments = new JsonObject();
        arguments.addProperty("name", nic);
        arguments.addProperty("up", up);
        parts.qmp().execute("set_link", arguments, QMP_LIMIT);
        return "the link of " + nic + " is " + (up ? "up" : "down");
    }

    private static String node(String disk, Function<String, Optional<String>> nodes) {
        return nodes.apply(disk)
                .orElseThrow(() -> new DeviceException("there is no drive '" + disk + "'"));
    }

    private static String faultNode(String node) {
        return node + "-fault";
    }
}
