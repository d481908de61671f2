package helix.integration.drivers.nvme;

import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// Throws whenever an interrupt comes, once it serves.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(
        name = "nvme",
        description = "Throws in its interrupt handler",
        match = "(pci.class=010802)")
public final class ThrowsInHandler extends WrappedNvme {
    private final ThrowingIrqs irqs;

    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public ThrowsInHandler(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        this(device, mmio, new ThrowingIrqs(irqs), dma, pci);
    }

    private ThrowsInHandler(
            PciDevice device, MmioService mmio, ThrowingIrqs irqs, DmaService dma, PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
        this.irqs = irqs;
    }

    @Override
    public void start() throws Exception {
        super.start();
        irqs.throwFrom(System.nanoTime() + LATER_NANOS);
    }
}
