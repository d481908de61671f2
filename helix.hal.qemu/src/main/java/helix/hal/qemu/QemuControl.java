package helix.hal.qemu;

import com.google.gson.JsonObject;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.MachineControl;
import helix.hal.qemu.MachineProfile.Option;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Plugs and unplugs hardware over QMP, on the profile's PCI Express root ports; faults are in
/// [QemuFaults].
final class QemuControl implements MachineControl, AutoCloseable {
    private static final Duration QMP_LIMIT = Duration.ofSeconds(5);
    private static final Duration UNPLUG_LIMIT = Duration.ofSeconds(10);
    private static final Pattern ID = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{0,31}");
    private static final Logger LOG = LoggerFactory.getLogger(QemuControl.class);

    /// Something behind a hot-plug port.
    ///
    /// @param port the port's id
    /// @param node its block node that goes with it, if there is one
    /// @param disk what is behind the node, if it was plugged at run time
    /// @param netdev the network that goes with it, if there is one
    private record Plugged(
            String port, @Nullable String node, @Nullable Disk disk, @Nullable String netdev) {
        Plugged(String port, @Nullable String node) {
            this(port, node, null, null);
        }
    }

    private final QemuParts parts;
    private final QemuFaults faults;
    private final int drives;
    private final List<String> ports;
    private final Map<String, Plugged> plugged = new LinkedHashMap<>();
    private final Map<String, CompletableFuture<Optional<String>>> leaving =
            new ConcurrentHashMap<>();

    QemuControl(QemuParts parts, int drives) {
        this.parts = parts;
        this.drives = drives;
        this.faults = new QemuFaults(parts);
        ports =
                devices(parts.profile())
                        .filter(option -> option.driver().equals("pcie-root-port"))
                        .flatMap(option ->
                                Optional.ofNullable(option.properties().get("id")).stream())
                        .toList();
        devices(parts.profile()).forEach(this::noteProfileDevice);
        parts.profile()
                .disk()
                .map(device -> new Option("device", device).properties().get("bus"))
                .filter(ports::contains)
                .ifPresent(bus ->
                        plugged.put(
                                QemuCommandLine.driveId(0),
                                new Plugged(bus, QemuCommandLine.nodeName(0))));
    }

    private static Stream<Option> devices(MachineProfile profile) {
        return profile.options().stream().filter(option -> option.name().equals("device"));
    }

    private void noteProfileDevice(Option device) {
        Map<String, String> properties = device.properties();
        String bus = properties.get("bus");
        String id = properties.get("id");
        if (bus != null && ports.contains(bus)) {
            // Without an id it cannot be named, but the port is taken all the same.
            plugged.put(id == null ? "(on " + bus + ")" : id, new Plugged(bus, null));
        }
    }

    @Override
    public String machine() {
        return QemuMachine.NAME;
    }

    @Override
    public List<Choice> pluggable() {
        return Arrays.stream(PlugKind.values()).map(PlugKind::choice).toList();
    }

    @Override
    public synchronized List<String> plugged() {
        return plugged.keySet().stream().filter(id -> ID.matcher(id).matches()).toList();
    }

    @Override
    public synchronized String plug(String kind, Map<String, String> options) {
        PlugKind what = PlugKind.of(kind);
        what.check(options);
        String id = options.containsKey("id") ? options.get("id") : freeId();
        if (!ID.matcher(id).matches()) {
            throw new DeviceException("id '" + id + "' is no name of letters, digits, - and _");
        }
        if (plugged.containsKey(id)) {
            throw new DeviceException("'" + id + "' is plugged already");
        }
        String port = freePort();
        JsonObject device = what.device(id, port, options);
        plugged.put(
                id,
                what.isDrive()
                        ? addDrive(device, port, Disk.open(backName(id), disk(options)))
                        : addCard(device, port, backName(id), options.get("netdev")));
        LOG.info("{} was plugged into port {}", id, port);
        parts.status().pciChanged();
        return id;
    }

    private Plugged addDrive(JsonObject device, String port, Disk disk) {
        try {
            device.addProperty("drive", disk.name());
            parts.qmp().execute("blockdev-add", disk.node(), QMP_LIMIT);
            try {
                parts.qmp().execute("device_add", device, QMP_LIMIT);
            } catch (DeviceException e) {
                removeNode(disk.name());
                throw e;
            }
        } catch (RuntimeException e) {
            disk.close();
            throw e;
        }
        return new Plugged(port, disk.name(), disk, null);
    }

    /// @param given a network that is there already, or null
    private Plugged addCard(JsonObject device, String port, String own, @Nullable String given) {
        device.addProperty("netdev", given == null ? own : given);
        if (given == null) {
            JsonObject network = new JsonObject();
            network.addProperty("type", "user");
            network.addProperty("id", own);
            network.addProperty("restrict", true);
            parts.qmp().execute("netdev_add", network, QMP_LIMIT);
        }
        String ours = given == null ? own : null;
        try {
            parts.qmp().execute("device_add", device, QMP_LIMIT);
        } catch (DeviceException e) {
            removeNetwork(ours);
            throw e;
        }
        return new Plugged(port, null, null, ours);
    }

    private static DiskSpec disk(Map<String, String> options) {
        String file = options.get("file");
        String size = options.get("size");
        if ((file == null) == (size == null)) {
            throw new DeviceException("a drive needs file= or size=, and not both");
        }
        return DiskSpec.parse(file != null ? file : "mem:" + size);
    }

    private static String backName(String id) {
        return "plugged-" + id;
    }

    private String freeId() {
        int n = 0;
        while (plugged.containsKey("plug" + n)) {
            n++;
        }
        return "plug" + n;
    }

    private String freePort() {
        Set<String> taken =
                plugged.values().stream().map(Plugged::port).collect(Collectors.toSet());
        return ports.stream()
                .filter(port -> !taken.contains(port))
                .findFirst()
                .orElseThrow(() ->
                        new DeviceException(
                                "no port is free; the machine has "
                                        + ports.size()
                                        + " pcie-root-port"));
    }

    @Override
    public void unplug(String id) {
        Plugged device;
        synchronized (this) {
            device = plugged.get(id);
        }
        if (device == null) {
            throw new DeviceException("'" + id + "' is not plugged; there is: " + plugged());
        }
        CompletableFuture<Optional<String>> gone =
                leaving.computeIfAbsent(id, _ -> new CompletableFuture<>());
        JsonObject arguments = new JsonObject();
        arguments.addProperty("id", id);
        if (askToLeave(id, gone, arguments)) {
            // Who watches the slots sees the attention button now.
            parts.status().pciChanged();
        }
        await(id, gone);
    }

    /// Asks QEMU to ask for the device, which it does by the slot's attention button.
    ///
    /// @return false if the device has gone already
    private boolean askToLeave(
            String id, CompletableFuture<Optional<String>> gone, JsonObject arguments) {
        try {
            parts.qmp().execute("device_del", arguments, QMP_LIMIT);
            return true;
        } catch (DeviceTimeoutException | DeviceGoneException e) {
            throw e;
        } catch (DeviceException e) {
            String message = String.valueOf(e.getMessage());
            // Asked for before, and the slot has not been powered off since.
            if (message.contains("in the process of unplug")) {
                return true;
            }
            if (message.contains("not found")) {
                // Somebody powered the slot off a moment ago; QEMU's event is on its way or was
                // here.
                synchronized (this) {
                    if (!plugged.containsKey(id)) {
                        gone.complete(Optional.empty());
                    }
                }
                return false;
            }
            leaving.remove(id, gone);
            throw e;
        }
    }

    private void await(String id, CompletableFuture<Optional<String>> gone) {
        try {
            Optional<String> refusal = gone.get(UNPLUG_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            if (refusal.isPresent()) {
                throw new DeviceException(id + " was not let go: " + refusal.get());
            }
        } catch (TimeoutException e) {
            DeviceTimeoutException timeout =
                    new DeviceTimeoutException(
                            id
                                    + " was not let go: its slot was not powered off within "
                                    + UNPLUG_LIMIT.toSeconds()
                                    + " s");
            timeout.initCause(e);
            throw timeout;
        } catch (ExecutionException e) {
            throw new DeviceException(id + " was not let go", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while " + id + " was unplugged", e);
        } finally {
            leaving.remove(id, gone);
        }
    }

    private void removeNode(String node) {
        JsonObject arguments = new JsonObject();
        arguments.addProperty("node-name", node);
        try {
            faults.forget(node);
            parts.qmp().execute("blockdev-del", arguments, QMP_LIMIT);
        } catch (DeviceException e) {
            LOG.warn("block node {} stays in QEMU", node, e);
        }
    }

    private void removeNetwork(@Nullable String network) {
        if (network == null) {
            return;
        }
        JsonObject arguments = new JsonObject();
        arguments.addProperty("id", network);
        try {
            parts.qmp().execute("netdev_del", arguments, QMP_LIMIT);
        } catch (DeviceException e) {
            LOG.warn("network {} stays in QEMU", network, e);
        }
    }

    /// A QMP event about a device; on QMP's reading thread.
    void event(JsonObject event) {
        JsonObject data = event.getAsJsonObject("data");
        if (!data.has("device")) {
            return;
        }
        String id = data.get("device").getAsString();
        if (event.get("event").getAsString().equals("DEVICE_DELETED")) {
            // What follows asks QMP, and this thread reads the answers.
            parts.status().later(() -> removed(id));
        } else {
            CompletableFuture<Optional<String>> gone = leaving.get(id);
            if (gone != null) {
                gone.complete(Optional.of("the slot refused"));
            }
        }
    }

    /// QEMU has let a device go: asked to, or because its slot was just powered off.
    private void removed(String id) {
        Plugged device;
        synchronized (this) {
            device = plugged.remove(id);
            if (device != null) {
                if (device.node() != null) {
                    removeNode(device.node());
                }
                if (device.disk() != null) {
                    device.disk().close();
                }
                removeNetwork(device.netdev());
            }
        }
        if (device != null) {
            LOG.info("{} was unplugged from port {}", id, device.port());
            parts.status().pciChanged();
        }
        CompletableFuture<Optional<String>> gone = leaving.get(id);
        if (gone != null) {
            gone.complete(Optional.empty());
        }
    }

    @Override
    public List<Choice> faults() {
        return faults.choices();
    }

    @Override
    public String fault(String name, Map<String, String> options) {
        return faults.produce(name, options, this::node);
    }

    /// The block node of a drive, by the drive's id.
    private synchronized Optional<String> node(String id) {
        for (int i = 0; i < drives; i++) {
            if (id.equals(QemuCommandLine.driveId(i))) {
                return Optional.of(QemuCommandLine.nodeName(i));
            }
        }
        return Optional.ofNullable(plugged.get(id)).map(Plugged::node);
    }

    /// Lets go what was plugged. QEMU still runs; it goes next.
    @Override
    public synchronized void close() {
        leaving.values().forEach(gone -> gone.complete(Optional.of("the machine stopped")));
        plugged.values().stream().map(Plugged::disk).filter(Objects::nonNull).forEach(Disk::close);
    }
}
