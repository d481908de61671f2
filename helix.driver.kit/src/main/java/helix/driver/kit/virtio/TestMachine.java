package helix.driver.kit.virtio;

import helix.hal.api.Device;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.InterruptHandler;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What the HAL offers to one device's driver, over plain memory: leases, DMA, interrupts. A lease
/// can be [passed][#pass()] on, as when a driver is reloaded, or [ended][#end(Lease.State)].
public final class TestMachine implements DmaService, IrqService, AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final TreeMap<Long, MemorySegment> reachable = new TreeMap<>();
    private final TreeMap<Long, MemorySegment> owned = new TreeMap<>();
    private final Set<Long> passed = new HashSet<>();
    private Arena leaseArena = Arena.ofShared();
    private Device device;
    private TestLease lease;
    private long nextAddress = 1L << 32;
    private int liveBuffers;
    private int vectorLimit = 32;
    private Vector[] vectors = new Vector[0];
    private boolean vectorsPassed;

    /// Makes a machine without a device; [TestVirtioDevice] puts itself in.
    @SuppressWarnings("NullAway.Init") // the device's constructor calls attach
    public TestMachine() {}

    /// Puts the device in, and grants its first lease.
    ///
    /// @param newDevice what leases are for
    void attach(Device newDevice) {
        device = newDevice;
        lease = new TestLease(1);
    }

    /// The right that counts now.
    ///
    /// @return of the device
    public synchronized Lease lease() {
        return lease;
    }

    /// Passes the lease on to the next generation. What the old one still has of its own memory
    /// throws; the bytes stay for the device and for [#adopt(Lease, long)].
    ///
    /// @return the new lease
    public synchronized Lease pass() {
        lease.state = Lease.State.PASSED;
        lease = new TestLease(lease.epoch + 1);
        Arena next = Arena.ofShared();
        owned.replaceAll((address, old) -> {
            MemorySegment moved = next.allocate(old.byteSize(), 4096);
            moved.copyFrom(old);
            reachable.put(address, moved);
            return moved;
        });
        passed.clear();
        passed.addAll(owned.keySet());
        leaseArena.close();
        leaseArena = next;
        for (Vector vector : vectors) {
            vector.handler = null;
        }
        vectorsPassed = vectors.length > 0;
        return lease;
    }

    /// Ends the lease and grants another, after the device was reset.
    ///
    /// @param state what the old lease is then
    /// @return the new lease
    public synchronized Lease end(Lease.State state) {
        lease.state = state;
        lease = new TestLease(lease.epoch + 1);
        leaseArena.close();
        leaseArena = Arena.ofShared();
        reachable.keySet().removeAll(owned.keySet());
        owned.clear();
        vectors = new Vector[0];
        return lease;
    }

    /// Memory as the device sees it.
    ///
    /// @param address a device address
    /// @param bytes how many
    /// @return the bytes
    /// @throws AssertionError if the driver has allocated no such memory
    public synchronized MemorySegment resolve(long address, long bytes) {
        Map.Entry<Long, MemorySegment> entry = reachable.floorEntry(address);
        if (entry == null
                || bytes < 0
                || bytes > entry.getValue().byteSize() - (address - entry.getKey())) {
            throw new AssertionError("DMA of " + bytes + " at 0x" + Long.toHexString(address));
        }
        return entry.getValue().asSlice(address - entry.getKey(), bytes);
    }

    /// How many buffers are allocated and not freed.
    ///
    /// @return both kinds
    public synchronized int liveBuffers() {
        return liveBuffers;
    }

    /// Sets how many interrupt vectors there are.
    ///
    /// @param count for the next [#allocate(Lease, int, int, Set)]
    public synchronized void vectorLimit(int count) {
        vectorLimit = count;
    }

    /// How many interrupt vectors the driver has.
    ///
    /// @return 0 before it allocates them
    public synchronized int vectorCount() {
        return vectors.length;
    }

    /// Raises an interrupt.
    ///
    /// @param index a vector that the driver has
    public void raise(int index) {
        Vector vector;
        synchronized (this) {
            if (index >= vectors.length) {
                throw new AssertionError("interrupt " + index + " of " + vectors.length);
            }
            vector = vectors[index];
        }
        vector.raise();
    }

    @Override
    public synchronized DmaBuffer allocate(Lease by, DmaRequest request) {
        requireValid(by);
        DmaBuffer buffer = allocate(leaseArena, request);
        owned.put(buffer.address(), buffer.segment());
        return buffer;
    }

    @Override
    public synchronized DmaBuffer allocateShared(Lease by, DmaRequest request) {
        requireValid(by);
        return allocate(arena, request);
    }

    @Override
    public synchronized DmaBuffer adopt(Lease by, long address) {
        requireValid(by);
        MemorySegment segment = owned.get(address);
        if (segment == null || !passed.remove(address)) {
            throw new DeviceException("no memory passed at 0x" + Long.toHexString(address));
        }
        return new DmaBuffer(segment, address, this, this::free);
    }

    @Override
    public boolean reaches(Lease by, DmaBuffer buffer) {
        return buffer.pool() == this;
    }

    @Override
    public synchronized Usage usage(Device of) {
        long bytes = 0;
        for (MemorySegment segment : reachable.values()) {
            bytes += segment.byteSize();
        }
        return new Usage(reachable.size(), bytes);
    }

    @Override
    public synchronized IrqVectors allocate(Lease by, int min, int max, Set<IrqKind> kinds) {
        requireValid(by);
        if (vectorLimit < min || !kinds.contains(IrqKind.MSIX)) {
            throw new DeviceException("no vectors: " + vectorLimit + " of " + min + " " + kinds);
        }
        vectors = new Vector[Math.min(max, vectorLimit)];
        for (int i = 0; i < vectors.length; i++) {
            vectors[i] = new Vector(i);
        }
        return new Vectors(List.of(vectors), false);
    }

    @Override
    public synchronized Optional<IrqVectors> adopt(Lease by) {
        requireValid(by);
        if (!vectorsPassed) {
            return Optional.empty();
        }
        vectorsPassed = false;
        return Optional.of(new Vectors(List.of(vectors), true));
    }

    @Override
    public synchronized void close() {
        lease.state = Lease.State.RELEASED;
        leaseArena.close();
        arena.close();
    }

    private DmaBuffer allocate(Arena from, DmaRequest request) {
        long alignment = Math.max(4096, request.alignment());
        MemorySegment segment = from.allocate(request.size(), alignment);
        long address = (nextAddress + alignment - 1) & -alignment;
        // A page that belongs to nobody follows each buffer.
        nextAddress = address + request.size() + 4096;
        reachable.put(address, segment);
        liveBuffers++;
        return new DmaBuffer(segment, address, this, this::free);
    }

    private synchronized void free(DmaBuffer buffer) {
        liveBuffers--;
        owned.remove(buffer.address());
        reachable.remove(buffer.address());
    }

    private static void requireValid(Lease by) {
        if (!by.isValid()) {
            throw new LeaseRevokedException("test memory", by);
        }
    }

    private final class TestLease implements Lease {
        private final long epoch;
        private volatile State state = State.VALID;

        TestLease(long epoch) {
            this.epoch = epoch;
        }

        @Override
        public Device device() {
            return device;
        }

        @Override
        public String owner() {
            return "driver@" + device.id() + " gen " + epoch;
        }

        @Override
        public long epoch() {
            return epoch;
        }

        @Override
        public State state() {
            return state;
        }
    }

    private static final class Vector {
        private final int index;
        private @Nullable InterruptHandler handler;
        private boolean masked;
        private boolean latched;
        private long delivered;

        Vector(int index) {
            this.index = index;
        }

        void raise() {
            InterruptHandler to;
            synchronized (this) {
                to = masked ? null : handler;
                if (to == null) {
                    latched = true;
                    return;
                }
                delivered++;
            }
            to.interrupt(index);
        }

        void handler(InterruptHandler newHandler, boolean raise) {
            boolean now;
            synchronized (this) {
                handler = newHandler;
                masked = false;
                now = latched || raise;
                latched = false;
            }
            if (now) {
                raise();
            }
        }

        synchronized void mask() {
            masked = true;
        }

        void unmask() {
            boolean now;
            synchronized (this) {
                masked = false;
                now = latched;
                latched = false;
            }
            if (now) {
                raise();
            }
        }

        synchronized long delivered() {
            return delivered;
        }
    }

    private record Vectors(List<Vector> all, boolean adopted) implements IrqVectors {
        @Override
        public IrqKind kind() {
            return IrqKind.MSIX;
        }

        @Override
        public int count() {
            return all.size();
        }

        @Override
        public void handler(int vector, InterruptHandler handler) {
            all.get(vector).handler(handler, adopted);
        }

        @Override
        public void mask(int vector) {
            all.get(vector).mask();
        }

        @Override
        public void unmask(int vector) {
            all.get(vector).unmask();
        }

        @Override
        public void raise(int vector) {
            all.get(vector).raise();
        }

        @Override
        public long delivered(int vector) {
            return all.get(vector).delivered();
        }

        @Override
        public void close() {
            for (Vector vector : all) {
                vector.mask();
            }
        }
    }
}
