package helix.driver.block.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.virtio.VirtioTransport;
import java.util.EnumSet;
import java.util.Optional;

/// The device, the right to it, and the services that act on it.
///
/// @param name the device's name, `vblk0`
/// @param device the virtio device
/// @param lease the right to it
/// @param irqs gives interrupt vectors
/// @param dma gives memory
record DeviceHal(String name, VirtioDevice device, Lease lease, IrqService irqs, DmaService dma)
        implements Hal {
    @Override
    public String address() {
        return device.id();
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
    public VirtioTransport open() {
        return device.open(lease);
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return dma.allocate(lease, DmaRequest.pages(bytes));
    }

    @Override
    public DmaBuffer adopt(long address) {
        return dma.adopt(lease, address);
    }

    @Override
    public DmaBuffer allocateShared(long bytes) {
        return dma.allocateShared(lease, DmaRequest.pages(bytes));
    }

    @Override
    public boolean reaches(DmaBuffer buffer) {
        return dma.reaches(lease, buffer);
    }

    @Override
    public IrqVectors allocateVectors(int max) {
        // Virtio over PCI knows MSI-X and the line, no MSI: VIRTIO 1.2, section 4.1.4.5.
        return irqs.allocate(lease, 1, max, EnumSet.of(IrqKind.MSIX, IrqKind.INTX));
    }

    @Override
    public Optional<IrqVectors> adoptVectors() {
        return irqs.adopt(lease);
    }
}
