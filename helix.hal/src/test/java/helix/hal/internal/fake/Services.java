package helix.hal.internal.fake;

import helix.hal.internal.irq.Irqs;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.service.Dma;
import helix.hal.internal.service.Mmio;
import helix.hal.internal.service.PciConfig;
import helix.hal.internal.service.PortIo;

/// The HAL's services wired by hand, as Declarative Services would.
public final class Services {
    public final Leases leases = new Leases();
    public final Irqs irqs = new Irqs();
    public final PciConfig pci = new PciConfig(leases);
    public final Mmio mmio = new Mmio();
    public final Dma dma = new Dma();
    public final PortIo ports = new PortIo();
}
