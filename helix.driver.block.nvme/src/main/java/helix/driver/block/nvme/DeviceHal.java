package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/// The device, the right to it, and the services that act on it.
///
/// @param name the controller's name, `nvme0`
/// @param device the PCI function
/// @param lease the right to it
/// @param mmio maps registers
/// @param irqs gives interrupt vectors
/// @param dma gives memory
/// @param pci enables bus mastering
record DeviceHal(
        String name,
        PciDevice device,
        Lease lease,
        MmioService mmio,
        IrqService irqs,
        DmaService dma,
        PciService pci)
        implements Hal {

    @Override
    public Set<Quirks> quirks() {
        return Quirks.of(device);
    }

    @Override
    public boolean isPresent() {
        return device.isPresent();
    }

    @Override
    public Lease.State leaseState() {
        return lease.state();
    }

    @Override
    public long epoch() {
        return lease.epoch();
    }

    @Override
    public MmioRegion registers() {
        return mmio.map(lease, 0);
    }

    @Override
    public DmaBuffer allocate(long bytes, long alignment, int addressBits) {
        return dma.allocate(lease, new DmaRequest(bytes, alignment, 0, addressBits, -1));
    }

    @Override
    public DmaBuffer adopt(long address) {
        return dma.adopt(lease, address);
    }

    @Override
    public DmaBuffer allocateShared(long bytes, long alignment, int addressBits) {
        return dma.allocateShared(lease, new DmaRequest(bytes, alignment, 0, addressBits, -1));
    }

    @Override
    public boolean reaches(DmaBuffer buffer) {
        return dma.reaches(lease, buffer);
    }

    @Override
    public IrqVectors allocateVectors(int max) {
        return irqs.allocate(lease, 1, max, EnumSet.allOf(IrqKind.class));
    }

    @Override
    public Optional<IrqVectors> adoptVectors() {
        return irqs.adopt(lease);
    }

    @Override
    public void busMaster(boolean enabled) {
        pci.busMaster(lease, enabled);
    }
}
