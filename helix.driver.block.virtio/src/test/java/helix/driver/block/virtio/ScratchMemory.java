package helix.driver.block.virtio;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// Memory and registers of no device.
class ScratchMemory implements Rehearsal {
    private final Arena arena;
    private final Deadline deadline;
    long bytes;

    ScratchMemory(Arena arena, Duration limit) {
        this.arena = arena;
        deadline = Deadline.after(limit);
    }

    @Override
    public DmaBuffer memory(long size, long alignment) {
        MemorySegment segment = arena.allocate(size, alignment);
        bytes += size;
        return new DmaBuffer(segment, segment.address(), this, b -> {});
    }

    @Override
    public MmioRegion registers(long size) {
        return MmioRegion.ofMapped("scratch", new AnyLease(), arena.allocate(size, 8));
    }

    @Override
    public Deadline deadline() {
        return deadline;
    }

    /// A lease that is valid always.
    private static final class AnyLease implements Lease {
        @Override
        public Device device() {
            throw new AssertionError("no device");
        }

        @Override
        public String owner() {
            return "rehearsal";
        }

        @Override
        public long epoch() {
            return 1;
        }

        @Override
        public State state() {
            return State.VALID;
        }
    }
}
