package helix.integration.drivers.nvme;

import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Idle;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleContext.AgentHandle;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// Has an agent that throws after some time.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "Crashes", match = "(pci.class=010802)")
public final class CrashesLater extends WrappedNvme {
    private @Nullable ModuleContext context;

    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public CrashesLater(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        super(new NvmeDriver(device, mmio, irqs, dma, pci));
    }

    @Override
    public void init(ModuleContext context) throws Exception {
        this.context = context;
        super.init(context);
    }

    @Override
    public void start() throws Exception {
        super.start();
        long due = System.nanoTime() + Long.getLong("helix.it.crash.ms", 10_000) * 1_000_000;
        AgentHandle _ =
                Objects.requireNonNull(context)
                        .agent("defect", () -> work(due), Idle.every(Duration.ofMillis(20)));
    }

    private static int work(long due) {
        if (System.nanoTime() - due >= 0) {
            broke();
            throw new IllegalStateException("planted in the agent");
        }
        return 0;
    }
}
