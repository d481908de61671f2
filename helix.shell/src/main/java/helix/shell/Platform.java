package helix.shell;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdServer;
import helix.hal.api.Device;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Deployments;
import helix.modules.api.reload.Reloads;
import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture;
import helix.net.api.ip.IpStack;
import helix.net.api.tap.TapBridges;
import helix.shell.net.InterfaceRow;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What commands see of the rest of the platform: the services there are at this moment. Any of
/// them may be missing; the methods that need one say so in a [CommandFailed].
public interface Platform {
    /// The line for a platform without hardware.
    String NO_MACHINE = "no machine is available: run ./helix setup";

    /// A device and the properties of its service.
    ///
    /// @param device the device
    /// @param properties by name
    record Entry(Device device, Map<String, ?> properties) {
        /// For what the platform itself uses the device.
        ///
        /// @return null for a device that drivers may have
        public @Nullable String reserved() {
            Object use = properties.get(Device.RESERVED);
            return use == null ? null : use.toString();
        }
    }

    /// The binder.
    ///
    /// @return empty while its bundle is not active
    Optional<Binder> binder();

    /// What follows the deploy folder.
    ///
    /// @return empty while its bundle is not active
    Optional<Deployments> deployments();

    /// The reload engine.
    ///
    /// @return empty while its bundle is not active
    Optional<Reloads> reloads();

    /// Whose code serves a disk at this moment.
    ///
    /// @param disk the disk
    /// @return the class loader of the driver's block device, null while there is none
    @Nullable ClassLoader servedBy(Disk disk);

    /// Copies a bundle, as it is in service, into a jar.
    ///
    /// @param bundleId the bundle's number
    /// @param jar the file to write
    /// @throws IOException if it cannot be read or written
    void copyBundle(long bundleId, Path jar) throws IOException;

    /// The machines.
    ///
    /// @return a snapshot, by name
    List<Machine> machines();

    /// The machines that can be changed by hand.
    ///
    /// @return a snapshot, by name
    List<MachineControl> controls();

    /// The devices.
    ///
    /// @return a snapshot, by id
    List<Entry> devices();

    /// The disks.
    ///
    /// @return a snapshot, by name
    List<Disk> disks();

    /// The network interfaces.
    ///
    /// @return a snapshot, by name
    default List<NetworkInterface> interfaces() {
        return List.of();
    }

    /// What speaks IP.
    ///
    /// @return empty while its bundle is not active
    default Optional<IpStack> ipStack() {
        return Optional.empty();
    }

    /// What captures frames.
    ///
    /// @return empty while its bundle is not active
    default Optional<PacketCapture> packetCapture() {
        return Optional.empty();
    }

    /// What joins interfaces with the Linux kernel.
    ///
    /// @return empty while its bundle is not active
    default Optional<TapBridges> tapBridges() {
        return Optional.empty();
    }

    /// What serves disks by NBD.
    ///
    /// @return empty while its bundle is not active
    default Optional<NbdServer> nbdServer() {
        return Optional.empty();
    }

    /// A property of the framework.
    ///
    /// @param name such as `helix.instance`
    /// @return null if it is not set
    @Nullable String property(String name);

    /// The binder, which is needed.
    ///
    /// @return the binder
    default Binder requireBinder() {
        return binder().orElseThrow(
                        () -> new CommandFailed("no binder: bundle helix.modules is not active"));
    }

    /// What follows the deploy folder, which is needed.
    ///
    /// @return the deployments
    default Deployments requireDeployments() {
        return deployments()
                .orElseThrow(() ->
                        new CommandFailed("no deployments: bundle helix.modules is not active"));
    }

    /// The reload engine, which is needed.
    ///
    /// @return the engine
    default Reloads requireReloads() {
        return reloads()
                .orElseThrow(() ->
                        new CommandFailed("no reload engine: bundle helix.modules is not active"));
    }

    /// What serves disks by NBD, which is needed.
    ///
    /// @return the server
    default NbdServer requireNbdServer() {
        return nbdServer()
                .orElseThrow(() ->
                        new CommandFailed("no NBD server: bundle helix.block.nbd is not active"));
    }

    /// What speaks IP, which is needed.
    ///
    /// @return the stack
    default IpStack requireIpStack() {
        return ipStack()
                .orElseThrow(
                        () -> new CommandFailed("no IP stack: bundle helix.net.ip is not active"));
    }

    /// What captures frames, which is needed.
    ///
    /// @return the service
    default PacketCapture requirePacketCapture() {
        return packetCapture()
                .orElseThrow(() ->
                        new CommandFailed("no capture: bundle helix.net.capture is not active"));
    }

    /// What joins interfaces with the Linux kernel, which is needed.
    ///
    /// @return the service
    default TapBridges requireTapBridges() {
        return tapBridges()
                .orElseThrow(
                        () -> new CommandFailed("no bridges: bundle helix.net.tap is not active"));
    }

    /// The modules, none without a binder.
    ///
    /// @return a snapshot
    default List<ModuleStatus> modules() {
        return binder().map(Binder::modules).orElse(List.of());
    }

    /// Insists on some hardware.
    default void requireMachine() {
        if (machines().isEmpty() && devices().isEmpty()) {
            throw new CommandFailed(NO_MACHINE);
        }
    }

    /// The disk of a name.
    ///
    /// @param name such as `nvme0n1`
    /// @return the disk
    default Disk disk(String name) {
        List<Disk> disks = disks();
        return disks.stream()
                .filter(d -> d.name().equals(name))
                .findFirst()
                .orElseThrow(() -> unknown("disk", name, disks.stream().map(Disk::name).toList()));
    }

    /// The network interface of a name or a hardware address.
    ///
    /// @param name such as `net0` or `52:54:00:48:58:00`
    /// @return the interface
    default NetworkInterface networkInterface(String name) {
        List<NetworkInterface> all = interfaces();
        return all.stream()
                .filter(i -> i.name().equals(name))
                .findFirst()
                .or(() ->
                        all.stream()
                                .filter(i ->
                                        InterfaceRow.mac(i.macAddress()).equalsIgnoreCase(name))
                                .findFirst())
                .orElseThrow(() ->
                        unknown(
                                "interface",
                                name,
                                all.stream().map(NetworkInterface::name).toList()));
    }

    /// The machine of a name.
    ///
    /// @param name such as `qemu`
    /// @return the machine
    default Machine machine(String name) {
        List<Machine> machines = machines();
        return machines.stream()
                .filter(m -> m.name().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        unknown("machine", name, machines.stream().map(Machine::name).toList()));
    }

    /// The id of a device, which a person may name by its id, a PCI address without its segment,
    /// the name of its module, or that of a disk it serves.
    ///
    /// @param name one of these
    /// @return the device's id
    default String deviceId(String name) {
        List<String> ids = new ArrayList<>(devices().stream().map(e -> e.device().id()).toList());
        modules().stream()
                .map(ModuleStatus::deviceId)
                .filter(i -> !ids.contains(i))
                .forEach(ids::add);
        if (ids.contains(name)) {
            return name;
        }
        if (ids.contains("0000:" + name)) {
            return "0000:" + name;
        }
        for (ModuleStatus module : modules()) {
            if (module.name().equals(name)) {
                return module.deviceId();
            }
        }
        for (Disk disk : disks()) {
            if (disk.name().equals(name) && disk.backing().isPresent()) {
                return disk.backing().get().device();
            }
        }
        for (NetworkInterface face : interfaces()) {
            if (face.name().equals(name) && face.backing().isPresent()) {
                return face.backing().get().device();
            }
        }
        if (ids.isEmpty() && machines().isEmpty()) {
            throw new CommandFailed("no device '" + name + "': " + NO_MACHINE);
        }
        throw unknown("device", name, ids);
    }

    /// Says that a name is not known, and which are.
    ///
    /// @param what kind of thing
    /// @param name what was asked for
    /// @param known what there is
    /// @return to be thrown
    static CommandFailed unknown(String what, String name, List<String> known) {
        String hint =
                known.isEmpty()
                        ? "there is none"
                        : "known: " + String.join(", ", new TreeSet<>(known));
        return new CommandFailed("no " + what + " '" + name + "' (" + hint + ")");
    }
}
