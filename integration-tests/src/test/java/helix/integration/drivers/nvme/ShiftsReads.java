package helix.integration.drivers.nvme;

import helix.driver.api.block.BlockDevice;
import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import java.util.Map;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// Reads the block beside the one that was asked for.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "Fails the self-test", match = "(pci.class=010802)")
public final class ShiftsReads extends WrappedNvme {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public ShiftsReads(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
    }

    @Override
    public void init(ModuleContext context) throws Exception {
        super.init(
                new WrappedContext(context) {
                    @Override
                    public <T> Registration publish(
                            Class<T> type, T service, Map<String, ?> properties) {
                        T given =
                                service instanceof BlockDevice device
                                        ? type.cast(new ShiftedDevice(device))
                                        : service;
                        return super.publish(type, given, properties);
                    }
                });
    }
}
