package helix.hal.internal.dma;

import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A piece of DMA memory that is not free: in use, or quarantined, or both. Thread-safe.
public final class DmaBlock {
    private final DmaAllocator allocator;
    private final Object pool;
    private final MemorySegment bytes;
    private final long address;
    private final long reserved;

    /// Who may still write to it although its user is or will be gone.
    private final Set<Object> culprits = new HashSet<>();

    private boolean inUse = true;
    private boolean free;

    /// Nobody has it any more, but that no device reaches it was not confirmed.
    private boolean unrevoked;

    private volatile boolean shared;

    /// Whose it is, if it is not shared.
    private volatile @Nullable Object owner;

    DmaBlock(
            DmaAllocator allocator, Object pool, MemorySegment bytes, long address, long reserved) {
        this.allocator = allocator;
        this.pool = pool;
        this.bytes = bytes;
        this.address = address;
        this.reserved = reserved;
    }

    /// The bytes, scoped to the machine's life.
    public MemorySegment bytes() {
        return bytes;
    }

    /// The device address.
    public long address() {
        return address;
    }

    /// The same for all blocks that the same devices reach: of a lease's own memory, the device.
    public Object pool() {
        Object device = owner;
        return device == null ? pool : device;
    }

    /// How many bytes it takes of its pool.
    public long reservedBytes() {
        return reserved;
    }

    /// Says that it is data, which several devices may be told to reach.
    void share() {
        shared = true;
    }

    boolean isShared() {
        return shared;
    }

    /// Says which device it is for.
    void ownedBy(Object device) {
        owner = device;
    }

    @Nullable Object owner() {
        return owner;
    }

    /// Its user is done with it. It becomes free, unless it is quarantined.
    ///
    /// @return bytes that became free
    public synchronized long release() {
        inUse = false;
        return freeIfUnused();
    }

    /// Keeps it from becoming free until [#lift(Object)] with the same culprit.
    public synchronized void quarantine(Object culprit) {
        if (!free) {
            culprits.add(culprit);
        }
    }

    /// The culprit can do it no more harm. Where taking it from the devices has failed, that is
    /// tried once more: whose harm it was may have been that.
    ///
    /// @return bytes that became free
    public synchronized long lift(Object culprit) {
        return culprits.remove(culprit) || unrevoked ? freeIfUnused() : 0;
    }

    private long freeIfUnused() {
        if (free || inUse || !culprits.isEmpty()) {
            return 0;
        }
        free = allocator.giveBack(this, pool);
        unrevoked = !free;
        return free ? reserved : 0;
    }
}
