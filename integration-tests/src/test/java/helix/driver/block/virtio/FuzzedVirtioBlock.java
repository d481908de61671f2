package helix.driver.block.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.modules.api.Module;
import java.time.Duration;

/// The driver with limits that a hostile device reaches soon.
public final class FuzzedVirtioBlock {
    private FuzzedVirtioBlock() {}

    /// Makes a driver.
    ///
    /// @param patient whether it has the usual limits
    public static Module of(VirtioDevice device, IrqService irqs, DmaService dma, boolean patient) {
        return new VirtioBlockDriver(
                platform -> new DeviceHal(platform.name(), device, platform.lease(), irqs, dma),
                patient
                        ? Settings.standard()
                        : new Settings(
                                Duration.ofMillis(100),
                                Duration.ofMillis(200),
                                Duration.ofMillis(5),
                                System::nanoTime));
    }
}
