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

/// Does what no driver may.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "Is refused", match = "(pci.class=010802)")
public final class MakesThread extends WrappedNvme {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public MakesThread(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
    }

    @Override
    public void start() throws Exception {
        super.start();
        new Thread(() -> {}, "nobody knows").start();
    }
}
