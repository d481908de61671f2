package helix.driver.block.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import helix.modules.api.RehearsalVectors;
import helix.virtio.VirtioTransport;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// A platform without a device, for [DriverRehearsal]: scratch memory, interrupts that never come.
/// Every generation that is rehearsed on it finds the memory of the one before.
final class RehearsalHal implements Hal {
    /// As many vectors as this driver takes at most.
    static final int VECTORS = 3;

    private static final long PAGE = 4096;

    private final Rehearsal scratch;
    private final TreeMap<Long, DmaBuffer> memory = new TreeMap<>();
    private final RehearsedDevice device;

    RehearsalHal(Rehearsal scratch) {
        this.scratch = scratch;
        device = new RehearsedDevice(this, scratch);
    }

    RehearsedDevice device() {
        return device;
    }

    /// The memory that has a device address.
    DmaBuffer at(long address) {
        Map.Entry<Long, DmaBuffer> entry = memory.floorEntry(address);
        if (entry == null) {
            throw new DeviceException("no scratch memory at 0x" + Long.toHexString(address));
        }
        return entry.getValue();
    }

    @Override
    public String name() {
        return RehearsalContext.NAME;
    }

    @Override
    public String address() {
        return RehearsalContext.NAME;
    }

    @Override
    public boolean isPresent() {
        return true;
    }

    @Override
    public Lease.State leaseState() {
        return Lease.State.VALID;
    }

    @Override
    public long epoch() {
        return 1;
    }

    @Override
    public VirtioTransport open() {
        return device;
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        DmaBuffer buffer = scratch.memory(bytes, PAGE);
        memory.put(buffer.address(), buffer);
        return buffer;
    }

    @Override
    public DmaBuffer adopt(long address) {
        DmaBuffer buffer = memory.get(address);
        if (buffer == null) {
            throw new DeviceException("no scratch memory at 0x" + Long.toHexString(address));
        }
        return buffer;
    }

    @Override
    public DmaBuffer allocateShared(long bytes) {
        return allocate(bytes);
    }

    @Override
    public boolean reaches(DmaBuffer buffer) {
        return true;
    }

    @Override
    public IrqVectors allocateVectors(int max) {
        return new RehearsalVectors(VECTORS);
    }

    @Override
    public Optional<IrqVectors> adoptVectors() {
        return Optional.of(new RehearsalVectors(VECTORS));
    }
}
