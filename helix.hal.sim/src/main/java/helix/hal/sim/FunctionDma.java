package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.sim.api.DmaPort;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A function's way to memory: bus mastering, then its domain.
final class FunctionDma implements DmaPort {
    private final String function;
    private final MemorySegment memory;
    private final long base;
    private final long size;
    private final boolean remapped;
    private final Reports reports;
    private final AtomicReference<@Nullable DmaDomain> domain = new AtomicReference<>();

    /// Written under the function's lock, except that it is taken away without.
    private volatile boolean master;

    /// @param remapped whether there is an IOMMU
    FunctionDma(
            String function, MemorySegment memory, long base, boolean remapped, Reports reports) {
        this.function = function;
        this.memory = memory;
        this.base = base;
        this.size = memory.byteSize();
        this.remapped = remapped;
        this.reports = reports;
    }

    void master(boolean enabled) {
        master = enabled;
    }

    boolean isMaster() {
        return master;
    }

    void attach(DmaDomain next) {
        if (!domain.compareAndSet(null, next)) {
            throw new DeviceException(function + " has a domain already");
        }
    }

    void detach(DmaDomain old) {
        boolean _ = domain.compareAndSet(old, null);
    }

    @Override
    public MemorySegment memory() {
        return memory;
    }

    @Override
    public long translate(long address, long length, boolean write) {
        long offset = address - base;
        // In this order none of the terms overflows.
        boolean inside = length > 0 && length <= size && offset >= 0 && offset <= size - length;
        if (inside && master) {
            DmaDomain now = domain.getAcquire();
            if (now == null ? !remapped : now.covers(offset, length)) {
                return offset;
            }
        }
        return refuse(address, length, write, inside);
    }

    private long refuse(long address, long length, boolean write, boolean inside) {
        String why =
                !master
                        ? "bus mastering is off"
                        : !inside
                                ? "no memory is there"
                                : domain.getAcquire() == null
                                        ? "the function has no domain"
                                        : "not mapped for the function";
        reports.dmaFault(new SimMachine.DmaFault(function, address, length, write, why));
        return REFUSED;
    }
}
