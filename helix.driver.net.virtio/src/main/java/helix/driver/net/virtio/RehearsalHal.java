package helix.driver.net.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import helix.modules.api.RehearsalVectors;
import helix.virtio.VirtioTransport;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A platform without a device, for [DriverRehearsal]: scratch memory, interrupts that never come.
/// Every generation that is rehearsed on it finds the memory of the one before. What is in a split
/// ring is used when the rehearsal says so: VIRTIO 1.2, section 2.7.
final class RehearsalHal implements Hal {
    /// As many vectors as a device with one pair of queues has.
    static final int VECTORS = 3;

    private static final ValueLayout.OfShort WORD =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt DOUBLE_WORD =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long PAGE = 4096;

    private final Rehearsal scratch;
    private final RehearsalTransport transport;
    private final Map<Long, DmaBuffer> memory = new HashMap<>();

    RehearsalHal(Rehearsal scratch) {
        this.scratch = scratch;
        transport = new RehearsalTransport(scratch);
    }

    /// Uses up to so many of the available buffers, in order.
    ///
    /// @param written what is said to have been written into each
    void use(Virtqueue ring, int most, int written) {
        int size = ring.shape().size();
        MemorySegment available = at(ring.driverArea());
        MemorySegment used = at(ring.deviceArea());
        short end = available.get(WORD, 2);
        short index = used.get(WORD, 2);
        for (int i = 0; i < most && index != end; i++) {
            int slot = (index & 0xFFFF) % size;
            int id = available.get(WORD, 4 + 2L * slot) & 0xFFFF;
            used.set(DOUBLE_WORD, 4 + 8L * slot, id);
            used.set(DOUBLE_WORD, 8 + 8L * slot, written);
            index++;
        }
        used.set(WORD, 2, index);
    }

    private MemorySegment at(long address) {
        for (DmaBuffer buffer : memory.values()) {
            long offset = address - buffer.address();
            if (offset >= 0 && offset < buffer.size()) {
                return buffer.segment().asSlice(offset);
            }
        }
        throw new DeviceException("no scratch memory at 0x" + Long.toHexString(address));
    }

    @Override
    public String name() {
        return RehearsalContext.NAME;
    }

    @Override
    public String deviceId() {
        return RehearsalContext.NAME;
    }

    @Override
    public Lease.State leaseState() {
        return Lease.State.VALID;
    }

    @Override
    public VirtioTransport transport() {
        return transport;
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
