package helix.hal.internal.service;

import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.Lease;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.dma.DmaAllocator;
import helix.hal.internal.dma.DmaBlock;
import helix.hal.internal.lease.GrantedLease;
import helix.posix.Mapping;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/// Gives out memory that devices reach.
@Component
public final class Dma implements DmaService {
    private static final String MEMORY = "DMA memory";

    /// Nothing to keep: memory is the machines' and the leases'.
    @Activate
    public Dma() {}

    @Override
    public DmaBuffer allocate(Lease lease, DmaRequest request) {
        GrantedLease granted = GrantedLease.valid(lease, MEMORY);
        HalDevice hardware = granted.hardware();
        DmaBlock block = hardware.context().dma().allocate(request);
        try {
            // Before the lease has it: once it is the lease's, its end takes the right away.
            hardware.context().domains().grant(hardware, block);
            granted.attach(block);
        } catch (RuntimeException e) {
            block.release();
            throw e;
        }
        return own(granted, block);
    }

    @Override
    public DmaBuffer adopt(Lease lease, long address) {
        GrantedLease granted = GrantedLease.valid(lease, MEMORY);
        return own(granted, granted.takeOver(address));
    }

    private static DmaBuffer own(GrantedLease lease, DmaBlock block) {
        return new DmaBuffer(
                Mapping.scoped(block.bytes(), lease.arena()),
                block.address(),
                block.pool(),
                _ -> lease.giveBack(block));
    }

    @Override
    public DmaBuffer allocateShared(Lease lease, DmaRequest request) {
        GrantedLease granted = GrantedLease.valid(lease, MEMORY);
        MachineContext context = granted.hardware().context();
        DmaBlock block = context.dma().allocate(request);
        try {
            context.domains().share(block);
        } catch (RuntimeException e) {
            block.release();
            throw e;
        }
        return new DmaBuffer(block.bytes(), block.address(), block.pool(), _ -> block.release());
    }

    @Override
    public boolean reaches(Lease lease, DmaBuffer buffer) {
        GrantedLease granted = GrantedLease.valid(lease, MEMORY);
        HalDevice hardware = granted.hardware();
        return hardware.equals(buffer.pool()) || hardware.context().dma().owns(buffer.pool());
    }

    @Override
    public Usage usage(Device device) {
        if (!(device instanceof HalDevice ours)) {
            throw new IllegalArgumentException(device.id() + " is no device of this HAL");
        }
        DmaAllocator dma = ours.context().dma();
        return new Usage(dma.blocksInUse(), dma.bytesInUse());
    }
}
