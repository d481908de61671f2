package helix.shell;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdServer;
import helix.driver.api.block.BlockIdentity;
import helix.hal.api.Device;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.PciHost;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Deployments;
import helix.modules.api.reload.Reloads;
import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture;
import helix.net.api.ip.IpStack;
import helix.net.api.tap.TapBridges;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A platform made by hand for tests.
public final class FakePlatform implements Platform {
    public final List<Machine> machines = new ArrayList<>();
    public final List<MachineControl> controls = new ArrayList<>();
    public final List<Entry> devices = new ArrayList<>();
    public final List<Disk> disks = new ArrayList<>();
    public final Map<String, String> properties = new HashMap<>();
    public Binder binder;
    public Deployments deployments = new FakeDeployments();
    public Reloads reloads;
    public NbdServer nbdServer;
    public IpStack ipStack;
    public PacketCapture packetCapture;
    public TapBridges tapBridges;
    public final List<NetworkInterface> interfaces = new ArrayList<>();
    public ClassLoader servedBy;
    public Path bundleJar;

    /// A machine with a host bridge, a root port with an NVMe controller behind it, a free network
    /// card and what the machine uses itself.
    public static FakePlatform zoo() {
        FakePlatform p = new FakePlatform();
        p.machines.add(new FakeMachine("qemu", new Machine.Status(Machine.State.READY, "")));
        p.pci("0000:00:00.0", 0x8086, 0x29c0, 0x060000, null);
        p.pci("0000:00:03.0", 0x1b36, 0x000c, 0x060400, null);
        p.pci("0000:01:00.0", 0x1b36, 0x0010, 0x010802, "0000:00:03.0");
        p.pci("0000:00:05.0", 0x10ec, 0x8139, 0x020000, null);
        p.devices.add(
                new Entry(
                        new FakePci("0000:00:06.0", 0x1af4, 0x1110, 0x050000, null),
                        Map.of(Device.RESERVED, "interrupts")));
        FakeBinder binder = new FakeBinder();
        binder.modules.add(
                new Binder.ModuleStatus(
                        "nvme0",
                        "0000:01:00.0",
                        "nvme",
                        "0.1.0",
                        3,
                        Binder.State.RUNNING,
                        "",
                        List.of("BlockDevice nvme0n1")));
        p.binder = binder;
        p.disks.add(new FakeDisk("nvme0n1"));
        return p;
    }

    public void pci(String address, int vendor, int device, int classCode, String parent) {
        devices.add(new Entry(new FakePci(address, vendor, device, classCode, parent), Map.of()));
    }

    @Override
    public Optional<Binder> binder() {
        return Optional.ofNullable(binder);
    }

    @Override
    public Optional<Deployments> deployments() {
        return Optional.ofNullable(deployments);
    }

    @Override
    public Optional<NbdServer> nbdServer() {
        return Optional.ofNullable(nbdServer);
    }

    @Override
    public List<NetworkInterface> interfaces() {
        return interfaces;
    }

    @Override
    public Optional<IpStack> ipStack() {
        return Optional.ofNullable(ipStack);
    }

    @Override
    public Optional<PacketCapture> packetCapture() {
        return Optional.ofNullable(packetCapture);
    }

    @Override
    public Optional<TapBridges> tapBridges() {
        return Optional.ofNullable(tapBridges);
    }

    @Override
    public Optional<Reloads> reloads() {
        return Optional.ofNullable(reloads);
    }

    @Override
    public ClassLoader servedBy(Disk disk) {
        return servedBy;
    }

    @Override
    public void copyBundle(long bundleId, Path jar) throws IOException {
        Files.copy(bundleJar, jar);
    }

    @Override
    public List<Machine> machines() {
        return machines;
    }

    @Override
    public List<MachineControl> controls() {
        return controls;
    }

    @Override
    public List<Entry> devices() {
        return devices;
    }

    @Override
    public List<Disk> disks() {
        return disks;
    }

    @Override
    public String property(String name) {
        return properties.get(name);
    }

    /// A function that is what its constructor says.
    public record FakePci(String id, int vendorId, int deviceId, int classCode, String bridge)
            implements PciDevice {
        @Override
        public String bus() {
            return "pci";
        }

        @Override
        public String machine() {
            return "qemu";
        }

        @Override
        public boolean isPresent() {
            return true;
        }

        @Override
        public PciAddress address() {
            return PciAddress.parse(id);
        }

        @Override
        public int subsystemVendorId() {
            return 0x1af4;
        }

        @Override
        public int subsystemId() {
            return 0x1100;
        }

        @Override
        public int revisionId() {
            return 2;
        }

        @Override
        public List<PciBar> bars() {
            return List.of(new PciBar(0, PciBar.Kind.MEMORY64, true, 0xfe000000L, 16384));
        }

        @Override
        public List<PciCapability> capabilities() {
            return List.of(
                    new PciCapability(PciCapability.MSI_X, 0x40, false, 0),
                    new PciCapability(1, 0x100, true, 2));
        }

        @Override
        public Optional<PciAddress> parent() {
            return Optional.ofNullable(bridge).map(PciAddress::parse);
        }

        @Override
        public int readConfig8(int offset) {
            return readConfig16(offset) & 0xFF;
        }

        @Override
        public int readConfig16(int offset) {
            return offset == 0x3C ? 0x010B : 0;
        }

        @Override
        public int readConfig32(int offset) {
            return readConfig16(offset);
        }

        @Override
        public int configSize() {
            return 4096;
        }
    }

    /// A machine that has a status and nothing else.
    public record FakeMachine(String name, Status status) implements Machine {
        @Override
        public Optional<PciHost> pci() {
            return Optional.empty();
        }

        @Override
        public Optional<BusAccess> ports() {
            return Optional.empty();
        }

        @Override
        public List<DmaWindow> dmaWindows() {
            return List.of();
        }

        @Override
        public MessageInterrupts messages() {
            throw new UnsupportedOperationException();
        }

        @Override
        public InterruptLines lines() {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<PlatformResource> platformDevices() {
            return List.of();
        }

        @Override
        public Subscription listen(Listener listener) {
            return () -> {};
        }

        @Override
        public Counters counters() {
            return new Counters(10, 20, 30, 40);
        }
    }

    /// A machine's switchboard that remembers what it was told.
    public static final class FakeControl implements MachineControl {
        public final List<String> log = new ArrayList<>();
        public final Map<String, String> plugged = new HashMap<>();
        private final String machine;

        public FakeControl() {
            this("qemu");
        }

        public FakeControl(String machine) {
            this.machine = machine;
        }

        @Override
        public String machine() {
            return machine;
        }

        @Override
        public Optional<String> device(String id) {
            return Optional.ofNullable(plugged.get(id));
        }

        @Override
        public String plug(String kind, Map<String, String> options) {
            log.add("plug " + kind + " " + options);
            return "plugged0";
        }

        @Override
        public List<Choice> pluggable() {
            return List.of(new Choice("nvme", "a drive: file, size, serial"));
        }

        @Override
        public List<String> plugged() {
            return List.of("drive1");
        }

        @Override
        public void unplug(String id) {
            if (!id.equals("drive1")) {
                throw new DeviceException("no '" + id + "' is plugged");
            }
            log.add("unplug " + id);
        }

        @Override
        public List<Choice> faults() {
            return List.of(new Choice("stop", "stops the process; millis"));
        }

        @Override
        public String fault(String name, Map<String, String> options) {
            log.add("fault " + name + " " + options);
            return "stopped";
        }
    }

    /// A binder that only remembers.
    public static final class FakeBinder implements Binder {
        public final List<ModuleStatus> modules = new ArrayList<>();
        public final List<ModuleHealth> health = new ArrayList<>();
        public final List<String> log = new ArrayList<>();
        public final Map<String, Object> answers = new HashMap<>();
        public final List<String> unsettled = new ArrayList<>();

        @Override
        public List<ModuleHealth> health() {
            return health;
        }

        @Override
        public List<DriverStatus> drivers() {
            return List.of(
                    new DriverStatus(
                            "nvme",
                            "NVM Express controllers",
                            "0.1.0",
                            "helix.driver.block.nvme",
                            17,
                            List.of("(pci.class=010802)"),
                            modules.stream().map(ModuleStatus::deviceId).toList()));
        }

        @Override
        public List<ModuleStatus> modules() {
            return modules;
        }

        @Override
        public List<Rule> why(String deviceId) {
            return List.of(
                    new Rule("driver nvme", "(pci.class=010802)", "pci.class=010802", true),
                    new Rule("no other driver", "none", "none", true));
        }

        @Override
        public void bind(String deviceId, String driver) {
            log.add("bind " + deviceId + " " + driver);
        }

        @Override
        public void unbind(String deviceId) {
            log.add("unbind " + deviceId);
            modules.removeIf(m -> m.deviceId().equals(deviceId));
        }

        @Override
        public void rebind(String deviceId) {
            log.add("rebind " + deviceId);
        }

        @Override
        public Object request(String deviceId, helix.modules.api.Request request) {
            log.add("request " + deviceId + " " + request.name() + " " + request.arguments());
            Object answer = answers.get(request.name());
            if (answer == null) {
                throw new helix.modules.api.ModuleError("no request '" + request.name() + "' here");
            }
            return answer;
        }

        @Override
        public List<String> awaitSettled(helix.hal.api.Deadline deadline) {
            return List.copyOf(unsettled);
        }
    }

    /// A deploy folder in which a jar becomes what its name says.
    public static final class FakeDeployments implements Deployments {
        public final List<Deployment> deployed = new ArrayList<>();
        public final List<Path> installed = new ArrayList<>();

        @Override
        public List<Deployment> list() {
            return deployed;
        }

        @Override
        public Deployment install(Path jar) {
            installed.add(jar);
            String file = jar.getFileName().toString();
            if (!file.endsWith(".jar")) {
                throw new helix.modules.api.ModuleError(jar + " is no .jar file");
            }
            State state =
                    switch (file) {
                        case "refused.jar" -> State.REFUSED;
                        case "failed.jar" -> State.FAILED;
                        default -> State.ACTIVE;
                    };
            Deployment deployment =
                    state == State.ACTIVE
                            ? new Deployment(file, "test.good", "1.2.3", state, "")
                            : new Deployment(file, "test.bad", "", state, "it needs x");
            deployed.add(deployment);
            return deployment;
        }
    }

    /// A disk that is what its fields say; opening it fails.
    public static final class FakeDisk implements Disk {
        private final String name;
        public State state = State.PRESENT;
        public List<User> users = new ArrayList<>();

        public FakeDisk(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public BlockIdentity identity() {
            return new BlockIdentity("QEMU NVMe Ctrl", "helix-0", "7.2", 1, "");
        }

        @Override
        public State state() {
            return state;
        }

        @Override
        public int blockSize() {
            return 512;
        }

        @Override
        public long totalBlocks() {
            return 131072;
        }

        @Override
        public Optional<Backing> backing() {
            return state == State.PRESENT
                    ? Optional.of(new Backing("0000:01:00.0", "nvme", 3))
                    : Optional.empty();
        }

        @Override
        public Access open(OpenMode mode, String user) {
            throw new DeviceBusyException(name, "somebody else");
        }

        @Override
        public List<User> users() {
            return users;
        }

        @Override
        public Statistics statistics() {
            return new Statistics(1, 2, 3, 4, 512, 1024, 5, 6, 7, 8, 9);
        }

        @Override
        public List<Latency> latencies() {
            return List.of();
        }
    }
}
