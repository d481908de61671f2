package helix.hal.internal.pci;

import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.machine.PciHost;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.pci.PciRegisters.Bridge;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Finds the functions behind a host bridge: numbers buses where no firmware did, and has the
/// [BarAssigner] give addresses. For one thread at a time.
public final class PciEnumerator {
    private static final Logger LOG = LoggerFactory.getLogger(PciEnumerator.class);

    /// Bus numbers that a hot-plug slot keeps for a bridge that may be plugged in.
    private static final int SPARE_BUSES = 1;

    private final MachineContext context;
    private final PciHost host;
    private final BarAssigner assigner = new BarAssigner();

    /// Begins with nothing found.
    public PciEnumerator(MachineContext context, PciHost host) {
        this.context = context;
        this.host = host;
    }

    /// Undoes what was set up on the root bus, so that [#enumerate] takes none of it for somebody's
    /// who knew better.
    public void forgetAll() {
        PciBus root = new PciBus(host.firstBus(), null);
        probe(root);
        for (PciFunction function : root.functions()) {
            if (function.isBridge()) {
                function.config().write8(Bridge.SECONDARY, 0);
                function.config().write8(Bridge.SUBORDINATE, 0);
            }
            if (function.isBridge() || function.reservation().isEmpty()) {
                int decode = Command.IO | Command.MEMORY | Command.MASTER;
                function.config().update16(Header.COMMAND, decode, 0);
            }
        }
    }

    /// Finds and sets up everything.
    ///
    /// @return the root bus
    public PciBus enumerate() {
        PciBus root = new PciBus(host.firstBus(), null);
        for (PciHost.Window window : host.windows()) {
            root.addRange(space(window.kind()), window.base(), window.size());
        }
        root.lastNumber(host.lastBus());
        scan(root);
        assigner.assign(root);
        root.all().forEach(PciEnumerator::quieten);
        return root;
    }

    /// Finds and sets up what was plugged in behind a port.
    public void rescan(PciBus bus) {
        bus.clear();
        scan(bus);
        assigner.assign(bus);
        bus.all().forEach(PciEnumerator::quieten);
    }

    /// Those functions on a root bus that are not there any more: nothing answers in their place,
    /// or something that was never given their addresses.
    public List<PciFunction> departed(PciBus bus) {
        return bus.functions().stream().filter(f -> f.isSilent() || f.hasForgotten()).toList();
    }

    /// Finds and sets up functions that came to a root bus since it was looked at. Those which are
    /// known stay as they are.
    ///
    /// @return the new ones
    public List<PciFunction> arrived(PciBus bus) {
        PciBus found = bus.forArrivals();
        probe(found);
        List<PciAddress> known = bus.functions().stream().map(PciFunction::address).toList();
        found.functions().removeIf(f -> known.contains(f.address()));
        assigner.assign(found);
        found.functions().forEach(PciEnumerator::quieten);
        bus.functions().addAll(found.functions());
        return List.copyOf(found.functions());
    }

    /// Whether those functions answer on a bus that were found there, and no others.
    public boolean isComplete(PciBus bus) {
        PciBus now = new PciBus(bus.number(), bus.bridge());
        probe(now);
        List<PciAddress> found = bus.functions().stream().map(PciFunction::address).toList();
        return now.functions().stream().map(PciFunction::address).toList().equals(found);
    }

    private static PciBus.Space space(PciBar.Kind kind) {
        return switch (kind) {
            case IO -> PciBus.Space.IO;
            case MEMORY32 -> PciBus.Space.MEMORY;
            case MEMORY64 -> PciBus.Space.HIGH;
        };
    }

    /// Nobody drives it yet: no DMA, no line interrupts.
    private static void quieten(PciFunction function) {
        if (function.reservation().isEmpty()) {
            function.config().update16(Header.COMMAND, Command.MASTER, Command.INTX_DISABLE);
        }
    }

    /// Finds the functions on a bus and the buses behind it.
    ///
    /// @return the lowest bus number that is still free, at most the bus's last plus 1
    private int scan(PciBus bus) {
        probe(bus);
        int next = bus.number() + 1;
        List<PciFunction> unnumbered = new ArrayList<>();
        for (PciFunction bridge : bus.functions()) {
            if (!bridge.isBridge()) {
                continue;
            }
            int secondary = bridge.config().read8(Bridge.SECONDARY);
            int subordinate = bridge.config().read8(Bridge.SUBORDINATE);
            if (bridge.config().read8(Bridge.PRIMARY) == bus.number()
                    && secondary >= next
                    && subordinate >= secondary
                    && subordinate <= bus.lastNumber()) {
                addChild(bus, bridge, secondary, subordinate);
                next = subordinate + 1;
            } else {
                unnumbered.add(bridge);
            }
        }
        for (PciFunction bridge : unnumbered) {
            if (next > bus.lastNumber()) {
                LOG.warn("{}: no bus number is left for the bus behind this bridge", bridge);
                continue;
            }
            next = number(bus, bridge, next);
        }
        return next;
    }

    private PciBus addChild(PciBus bus, PciFunction bridge, int secondary, int subordinate) {
        PciBus child = new PciBus(secondary, bridge);
        child.lastNumber(subordinate);
        bus.children().add(child);
        scan(child);
        return child;
    }

    /// Numbers the bus behind a bridge, and those behind that.
    ///
    /// @return the next free number
    private int number(PciBus bus, PciFunction bridge, int secondary) {
        ConfigSpace config = bridge.config();
        config.write8(Bridge.PRIMARY, bus.number());
        config.write8(Bridge.SECONDARY, secondary);
        config.write8(Bridge.SUBORDINATE, bus.lastNumber());
        if (config.read8(Bridge.SECONDARY) != secondary) {
            LOG.warn("{}: the bridge does not take a bus number; left alone", bridge);
            config.write8(Bridge.SUBORDINATE, 0);
            return secondary;
        }
        PciBus child = new PciBus(secondary, bridge);
        child.lastNumber(bus.lastNumber());
        bus.children().add(child);
        int next = scan(child);
        if (child.isHotPlugSlot()) {
            next = Math.min(next + SPARE_BUSES, bus.lastNumber() + 1);
        }
        child.lastNumber(next - 1);
        config.write8(Bridge.SUBORDINATE, next - 1);
        return next;
    }

    private void probe(PciBus bus) {
        int devices = bus.isPoint() ? 1 : 32;
        for (int device = 0; device < devices; device++) {
            if (!new ConfigSpace(host, bus.number(), device << 3).answers()) {
                continue;
            }
            PciFunction first = function(bus, device, 0);
            bus.functions().add(first);
            for (int f = 1; first.isMultiFunction() && f < 8; f++) {
                if (new ConfigSpace(host, bus.number(), device << 3 | f).answers()) {
                    bus.functions().add(function(bus, device, f));
                }
            }
        }
    }

    private PciFunction function(PciBus bus, int device, int number) {
        PciAddress address = new PciAddress(context.segment(), bus.number(), device, number);
        return new PciFunction(context, host, address, bus.bridge());
    }
}
