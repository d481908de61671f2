package helix.shell.tree;

import helix.block.api.Disk;
import helix.hal.api.ChildDevice;
import helix.hal.api.PciDevice;
import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.shell.Binding;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Platform.Entry;
import helix.shell.Report;
import helix.shell.pci.PciNames;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/// Shows the whole platform as a tree: machine, bus, device with its driver, what that publishes.
@Command(description = "Shows machines, buses, devices, their drivers and disks as a tree.")
public final class Devices extends Report {
    private final Platform platform;

    /// A machine.
    ///
    /// @param name its name
    /// @param state null if devices name it but it is not there
    /// @param detail what a person should know, empty when all is well
    /// @param buses what it has
    record MachineNode(
            String name, @Nullable String state, @Nullable String detail, List<BusNode> buses) {}

    /// A bus.
    ///
    /// @param name its kind
    /// @param devices what is on it; those behind a bridge or found by a driver are its children
    record BusNode(String name, List<DeviceNode> devices) {}

    /// A device.
    ///
    /// @param id its id
    /// @param description what it is
    /// @param reserved what the platform itself uses it for, null for others
    /// @param driver null when unbound
    /// @param module its module's name, null when unbound
    /// @param state its module's state, null when there never was one
    /// @param generation null when unbound
    /// @param reason why its module failed, or what it says of its health
    /// @param services what its module has published
    /// @param disks the disks behind which it is
    /// @param children what is behind this bridge, or was found by this device's driver
    record DeviceNode(
            String id,
            String description,
            @Nullable String reserved,
            @Nullable String driver,
            @Nullable String module,
            @Nullable String state,
            @Nullable Long generation,
            @Nullable String reason,
            List<String> services,
            List<DiskNode> disks,
            List<DeviceNode> children) {
        String text() {
            StringBuilder s = new StringBuilder(id).append(' ').append(description);
            if (driver != null) {
                s.append(": ").append(driver).append(" (").append(module).append(", ");
                s.append(state).append(", generation ").append(generation).append(')');
            } else if (reserved != null) {
                s.append(" [").append(reserved).append(']');
            } else if (state != null) {
                s.append(" (").append(state).append(')');
            }
            if (reason != null) {
                s.append(": ").append(reason);
            }
            return s.toString();
        }
    }

    /// A disk.
    ///
    /// @param name its stable name
    /// @param state `present`, `driverless` or `absent`
    record DiskNode(String name, String state) {}

    /// Makes the command.
    ///
    /// @param platform where to look
    public Devices(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        platform.requireMachine();
        List<MachineNode> machines = machines();
        if (out.json(machines)) {
            return;
        }
        for (MachineNode machine : machines) {
            String state = machine.state() == null ? "gone" : machine.state();
            String detail =
                    machine.detail() == null || machine.detail().isEmpty()
                            ? ""
                            : ": " + machine.detail();
            out.line(machine.name() + " (" + state + detail + ")");
            for (BusNode bus : machine.buses()) {
                out.line("  " + bus.name());
                bus.devices().forEach(d -> print(out, d, "    "));
            }
        }
    }

    private static void print(Output out, DeviceNode device, String indent) {
        out.line(indent + device.text());
        device.services().forEach(s -> out.line(indent + "  " + s));
        device.disks().forEach(d -> out.line(indent + "  Disk " + d.name() + " " + d.state()));
        device.children().forEach(c -> print(out, c, indent + "  "));
    }

    private List<MachineNode> machines() {
        Map<String, Machine> byName = new TreeMap<>();
        platform.machines().forEach(m -> byName.put(m.name(), m));
        List<Entry> devices = platform.devices();
        TreeSet<String> names = new TreeSet<>(byName.keySet());
        devices.forEach(e -> names.add(e.device().machine()));
        List<MachineNode> nodes = new ArrayList<>();
        for (String name : names) {
            List<Entry> mine =
                    devices.stream().filter(e -> e.device().machine().equals(name)).toList();
            Machine machine = byName.get(name);
            nodes.add(
                    machine == null
                            ? new MachineNode(name, null, null, buses(mine))
                            : new MachineNode(
                                    name,
                                    machine.status().state().name(),
                                    machine.status().detail(),
                                    buses(mine)));
        }
        return nodes;
    }

    private List<BusNode> buses(List<Entry> devices) {
        List<Entry> sorted = new ArrayList<>(devices);
        sorted.sort(Comparator.comparing(e -> e.device().id()));
        Map<String, List<Entry>> roots = new TreeMap<>();
        for (Entry e : sorted) {
            if (parent(e, sorted) == null) {
                roots.computeIfAbsent(e.device().bus(), b -> new ArrayList<>()).add(e);
            }
        }
        List<ModuleStatus> modules = platform.modules();
        List<BusNode> buses = new ArrayList<>();
        roots.forEach((bus, entries) ->
                buses.add(
                        new BusNode(
                                bus,
                                entries.stream().map(e -> node(e, sorted, modules)).toList())));
        return buses;
    }

    private List<DeviceNode> behind(String id, List<Entry> all, List<ModuleStatus> modules) {
        return all.stream()
                .filter(e -> id.equals(parent(e, all)))
                .map(e -> node(e, all, modules))
                .toList();
    }

    /// The bridge above, or the device whose driver found this one; null on a root bus, and where
    /// that has just gone.
    private static @Nullable String parent(Entry e, List<Entry> all) {
        String id =
                switch (e.device()) {
                    case ChildDevice child -> child.parent().device().id();
                    case PciDevice pci -> pci.parent().map(Object::toString).orElse(null);
                    default -> null;
                };
        return all.stream().anyMatch(o -> o.device().id().equals(id)) ? id : null;
    }

    private DeviceNode node(Entry e, List<Entry> all, List<ModuleStatus> modules) {
        String id = e.device().id();
        Binding binding = Binding.of(id, modules);
        return new DeviceNode(
                id,
                describe(e),
                e.reserved(),
                binding.driver(),
                binding.module(),
                binding.state(),
                binding.generation(),
                binding.reason(),
                binding.services(),
                disks(id),
                behind(id, all, modules));
    }

    private List<DiskNode> disks(String deviceId) {
        return platform.disks().stream()
                .filter(d -> d.backing().map(Disk.Backing::device).equals(Optional.of(deviceId)))
                .map(d -> new DiskNode(d.name(), d.state().name().toLowerCase(Locale.ROOT)))
                .toList();
    }

    private static String describe(Entry e) {
        return switch (e.device()) {
            case PciDevice pci -> {
                String vendor = "%04x".formatted(pci.vendorId());
                String device = "%04x".formatted(pci.deviceId());
                String name = PciNames.device(vendor, device);
                String classCode = "%06x".formatted(pci.classCode());
                yield PciNames.classOf(classCode)
                        + " "
                        + (name == null ? vendor + ":" + device : name);
            }
            case PlatformDevice p -> p.pnpId();
            default ->
                    e.properties().get(ChildDevice.DESCRIPTION) instanceof String text
                            ? text
                            : e.device().bus() + " device";
        };
    }
}
