package helix.integration.drivers.nvme;

import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import java.time.Duration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// Never comes back from `init`, which it says takes a second at most.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "Hangs in init", match = "(pci.class=010802)")
public final class HangsInInit extends WrappedNvme {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public HangsInInit(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
    }

    @Override
    public void init(ModuleContext context) {
        hang();
    }

    @Override
    public Duration limit(Step step) {
        return step == Step.INIT ? Duration.ofSeconds(1) : super.limit(step);
    }
}
