package helix.shell;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdServer;
import helix.driver.api.block.BlockDevice;
import helix.hal.api.ChildDevice;
import helix.hal.api.Device;
import helix.hal.api.PciDevice;
import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Deployments;
import helix.modules.api.reload.Reloads;
import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture;
import helix.net.api.ip.IpStack;
import helix.net.api.tap.TapBridges;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/// The platform as the services in the registry are it. They come and go while commands exist.
@Component(service = Platform.class)
public final class ServicePlatform implements Platform {
    private final BundleContext context;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Binder binder;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Deployments deployments;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Reloads reloads;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable NbdServer nbdServer;

    @Reference(policyOption = ReferencePolicyOption.GREEDY)
    private volatile List<Machine> machines = List.of();

    @Reference(policyOption = ReferencePolicyOption.GREEDY)
    private volatile List<MachineControl> controls = List.of();

    @Reference(service = PciDevice.class, policyOption = ReferencePolicyOption.GREEDY)
    private volatile Collection<Map.Entry<Map<String, Object>, PciDevice>> functions = List.of();

    @Reference(service = PlatformDevice.class, policyOption = ReferencePolicyOption.GREEDY)
    private volatile Collection<Map.Entry<Map<String, Object>, PlatformDevice>> platformDevices =
            List.of();

    @Reference(service = ChildDevice.class, policyOption = ReferencePolicyOption.GREEDY)
    private volatile Collection<Map.Entry<Map<String, Object>, ChildDevice>> childDevices =
            List.of();

    @Reference(policyOption = ReferencePolicyOption.GREEDY)
    private volatile List<Disk> disks = List.of();

    @Reference(policyOption = ReferencePolicyOption.GREEDY)
    private volatile List<NetworkInterface> interfaces = List.of();

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable IpStack ipStack;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable PacketCapture packetCapture;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable TapBridges tapBridges;

    /// Made by Declarative Services.
    ///
    /// @param context this bundle's
    @Activate
    public ServicePlatform(BundleContext context) {
        this.context = context;
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
    public Optional<Reloads> reloads() {
        return Optional.ofNullable(reloads);
    }

    @Override
    public @Nullable ClassLoader servedBy(Disk disk) {
        String identity = disk.identity().key();
        try {
            // While a driver is replaced, both generations' services may be there for a moment.
            return context.getServiceReferences(BlockDevice.class, null).stream()
                    .filter(r -> identity.equals(r.getProperty(BlockDevice.IDENTITY)))
                    .max(Comparator.comparing(r -> (Long) r.getProperty(Constants.SERVICE_ID)))
                    .map(this::loader)
                    .orElse(null);
        } catch (InvalidSyntaxException e) {
            throw new AssertionError("there is no filter", e);
        }
    }

    private @Nullable ClassLoader loader(ServiceReference<BlockDevice> reference) {
        BlockDevice device = context.getService(reference);
        if (device == null) {
            return null;
        }
        try {
            return device.getClass().getClassLoader();
        } finally {
            context.ungetService(reference);
        }
    }

    @Override
    public void copyBundle(long bundleId, Path jar) throws IOException {
        Bundle bundle = context.getBundle(bundleId);
        Enumeration<URL> entries = bundle == null ? null : bundle.findEntries("/", "*", true);
        if (entries == null) {
            throw new IOException("bundle " + bundleId + " has no contents");
        }
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (URL url : Collections.list(entries)) {
                if (!url.getPath().endsWith("/")) {
                    out.putNextEntry(new ZipEntry(url.getPath().substring(1)));
                    try (InputStream in = url.openStream()) {
                        in.transferTo(out);
                    }
                    out.closeEntry();
                }
            }
        }
    }

    @Override
    public Optional<NbdServer> nbdServer() {
        return Optional.ofNullable(nbdServer);
    }

    @Override
    public List<Machine> machines() {
        return machines.stream().sorted(Comparator.comparing(Machine::name)).toList();
    }

    @Override
    public List<MachineControl> controls() {
        return controls.stream().sorted(Comparator.comparing(MachineControl::machine)).toList();
    }

    @Override
    public List<Entry> devices() {
        Map<String, Entry> byId = new TreeMap<>();
        functions.forEach(e -> add(byId, e.getValue(), e.getKey()));
        platformDevices.forEach(e -> add(byId, e.getValue(), e.getKey()));
        childDevices.forEach(e -> add(byId, e.getValue(), e.getKey()));
        return List.copyOf(byId.values());
    }

    private static void add(
            Map<String, Entry> byId, Device device, Map<String, Object> properties) {
        byId.put(device.id(), new Entry(device, properties));
    }

    @Override
    public List<Disk> disks() {
        return disks.stream().sorted(Comparator.comparing(Disk::name)).toList();
    }

    @Override
    public List<NetworkInterface> interfaces() {
        return interfaces.stream().sorted(Comparator.comparing(NetworkInterface::name)).toList();
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
    public @Nullable String property(String name) {
        return context.getProperty(name);
    }
}
