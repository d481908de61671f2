package helix.modules.internal.reload;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import java.lang.foreign.Arena;
import java.time.Duration;

/// Memory without a device. One arena, of the kind that the HAL's are of, so that what is compiled
/// in a rehearsal fits afterwards.
public final class Scratch implements Rehearsal, AutoCloseable {
    private static final long REGISTER_ALIGNMENT = 4096;

    private final Arena arena = Arena.ofShared();
    private final Lease lease;
    private final Duration limit;
    private volatile Deadline deadline;

    /// @param device whose driver rehearses
    /// @param limit how long the rehearsal should take
    public Scratch(Device device, Duration limit) {
        this.lease = new NoLease(device);
        this.limit = limit;
        deadline = Deadline.after(limit);
    }

    @Override
    public DmaBuffer memory(long bytes, long alignment) {
        var segment = arena.allocate(bytes, alignment);
        return new DmaBuffer(segment, segment.address(), this, _ -> {});
    }

    @Override
    public MmioRegion registers(long bytes) {
        return MmioRegion.ofMapped(
                "scratch registers", lease, arena.allocate(bytes, REGISTER_ALIGNMENT));
    }

    /// Lets the time begin anew: what came before was not the rehearsal.
    public void begin() {
        deadline = Deadline.after(limit);
    }

    @Override
    public Deadline deadline() {
        return deadline;
    }

    /// Takes all memory back.
    @Override
    public void close() {
        arena.close();
    }

    /// A right to nothing, never revoked.
    private record NoLease(Device device) implements Lease {
        @Override
        public String owner() {
            return "rehearsal";
        }

        @Override
        public long epoch() {
            return 0;
        }

        @Override
        public State state() {
            return State.VALID;
        }
    }
}
