package helix.hal.internal;

import helix.hal.api.DmaService;
import helix.hal.api.MmioService;
import helix.hal.api.PciService;
import helix.hal.api.PortIoService;
import helix.hal.api.machine.Machine;
import helix.hal.internal.irq.Irqs;
import helix.hal.internal.lease.Leases;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Publishes the devices of each machine while it is there. A machine's devices are found and
/// published before the call that announces the machine returns, and withdrawn before the call that
/// takes it away does.
///
/// The references to services that are not called here are for order: devices are published after
/// them and withdrawn before them, so that a driver can finish its work.
@Component(service = {})
public final class Hal {
    private static final Logger LOG = LoggerFactory.getLogger(Hal.class);

    private final BundleContext bundles;
    private final Leases leases;
    private final Irqs irqs;

    // Guarded by this.
    private final Map<Machine, MachineHost> hosts = new LinkedHashMap<>();
    private final Map<String, Integer> segments = new HashMap<>();

    /// Made by Declarative Services.
    @Activate
    public Hal(
            BundleContext bundles,
            @Reference Leases leases,
            @Reference Irqs irqs,
            @Reference PciService pci,
            @Reference MmioService mmio,
            @Reference DmaService dma,
            @Reference PortIoService ports) {
        this.bundles = bundles;
        this.leases = leases;
        this.irqs = irqs;
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addMachine(Machine machine) {
        MachineHost host;
        synchronized (this) {
            host = new MachineHost(bundles, machine, segment(machine.name()), leases, irqs);
            hosts.put(machine, host);
        }
        host.open();
    }

    void removeMachine(Machine machine) {
        MachineHost host;
        synchronized (this) {
            host = hosts.remove(machine);
        }
        if (host != null) {
            host.close();
        }
    }

    @Deactivate
    void deactivate() {
        List<Machine> machines;
        synchronized (this) {
            machines = List.copyOf(hosts.keySet());
        }
        machines.reversed().forEach(this::removeMachine);
    }

    /// The lowest number that no other machine has; a machine that comes back gets its old one.
    private int segment(String name) {
        boolean taken = hosts.values().stream().anyMatch(h -> h.name().equals(name));
        if (taken) {
            LOG.error("two machines are called {}", name);
        }
        return segments.computeIfAbsent(
                taken ? name + " " + hosts.size() : name,
                _ -> {
                    int number = 0;
                    while (segments.containsValue(number)) {
                        number++;
                    }
                    return number;
                });
    }
}
