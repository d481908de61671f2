package helix.integration.drivers.nvme;

import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleState;
import java.time.Duration;
import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// Never comes back from `stop`, which it says takes a second at most; it saves no state, so that
/// it is stopped when it is replaced.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "Hangs in stop", match = "(pci.class=010802)")
public final class HangsInStop extends WrappedNvme {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public HangsInStop(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
    }

    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        return Optional.empty();
    }

    @Override
    public Optional<ModuleState> saveState() {
        return Optional.empty();
    }

    @Override
    public void stop() {
        hang();
    }

    @Override
    public Duration limit(Step step) {
        return step == Step.STOP ? Duration.ofSeconds(1) : super.limit(step);
    }
}
