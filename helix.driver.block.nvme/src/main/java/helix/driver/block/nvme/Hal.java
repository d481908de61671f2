package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.Lease;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;

/// The device, the right to it, and the services that act on it.
///
/// @param name the controller's name, `nvme0`
/// @param device the PCI function
/// @param lease the right to it
/// @param mmio maps registers
/// @param irqs gives interrupt vectors
/// @param dma gives memory
/// @param pci enables bus mastering
record Hal(
        String name,
        PciDevice device,
        Lease lease,
        MmioService mmio,
        IrqService irqs,
        DmaService dma,
        PciService pci) {

    /// Memory of the driver's own, zeroed.
    DmaBuffer allocate(long bytes, long alignment, int addressBits) {
        return dma.allocate(lease, new DmaRequest(bytes, alignment, 0, addressBits, -1));
    }
}
