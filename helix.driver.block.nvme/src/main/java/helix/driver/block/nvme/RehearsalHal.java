package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import helix.modules.api.RehearsalVectors;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A platform without a device, for [DriverRehearsal]: scratch memory and registers, interrupts
/// that never come. Every generation that is rehearsed on it finds the memory of the one before.
final class RehearsalHal implements Hal {
    /// As many vectors as a controller has at most.
    static final int VECTORS = 9;

    /// Doorbells of three queue pairs, the admin queue's among them.
    private static final long REGISTER_BYTES = 0x2000;

    private final Rehearsal scratch;
    private final MmioRegion registers;
    private final Map<Long, DmaBuffer> memory = new HashMap<>();

    RehearsalHal(Rehearsal scratch) {
        this.scratch = scratch;
        registers = scratch.registers(REGISTER_BYTES);
    }

    @Override
    public String name() {
        return RehearsalContext.NAME;
    }

    @Override
    public Set<Quirks> quirks() {
        return EnumSet.noneOf(Quirks.class);
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
    public MmioRegion registers() {
        return registers;
    }

    @Override
    public DmaBuffer allocate(long bytes, long alignment, int addressBits) {
        DmaBuffer buffer = scratch.memory(bytes, alignment);
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
    public DmaBuffer allocateShared(long bytes, long alignment, int addressBits) {
        return allocate(bytes, alignment, addressBits);
    }

    @Override
    public boolean reaches(DmaBuffer buffer) {
        return true;
    }

    @Override
    public IrqVectors allocateVectors(int max) {
        throw new DeviceException("a rehearsal has no interrupts");
    }

    @Override
    public Optional<IrqVectors> adoptVectors() {
        return Optional.of(new RehearsalVectors(VECTORS));
    }

    @Override
    public void busMaster(boolean enabled) {
        // There is no bus.
    }
}
