package helix.driver.block.nvme;

import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.Module;
import java.time.Duration;

/// The driver with limits that a hostile device reaches soon.
public final class FuzzedNvme {
    private FuzzedNvme() {}

    /// Makes a driver.
    ///
    /// @param patient whether it has the usual limits
    public static Module of(
            PciDevice device,
            MmioService mmio,
            IrqService irqs,
            DmaService dma,
            PciService pci,
            boolean patient) {
        return new NvmeDriver(
                device,
                mmio,
                irqs,
                dma,
                pci,
                patient
                        ? Settings.standard()
                        : new Settings(
                                Duration.ofMillis(100),
                                Duration.ofMillis(20),
                                Duration.ofMillis(100),
                                Duration.ofMillis(50),
                                Duration.ofMillis(5),
                                4,
                                false,
                                System::nanoTime));
    }
}
