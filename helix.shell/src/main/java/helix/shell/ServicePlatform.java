package helix.shell;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdServer;
import helix.hal.api.Device;
import helix.hal.api.PciDevice;
import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Deployments;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
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

    @Reference(policyOption = ReferencePolicyOption.GREEDY)
    private volatile List<Disk> disks = List.of();

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
    public @Nullable String property(String name) {
        return context.getProperty(name);
    }
}
