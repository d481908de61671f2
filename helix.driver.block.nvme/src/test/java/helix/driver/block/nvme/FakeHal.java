package helix.driver.block.nvme;

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
import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// The HAL's services over plain memory, for one fake controller.
final class FakeHal implements MmioService, IrqService, DmaService, PciService, AutoCloseable {
    final FakeNvme nvme = new FakeNvme(this);
    final FakeDevice device = new FakeDevice();
    FakeLease lease = new FakeLease(1);
    final Arena arena = Arena.ofShared();
    private Arena leaseArena = Arena.ofShared();
    boolean busMaster;
    IrqKind irqKind = IrqKind.MSIX;
    int irqCount = 32;
    boolean irqClosed;
    boolean leaseArenaClosed;
    int liveBuffers;
    int addressBits;
    private InterruptHandler[] handlers = new InterruptHandler[0];
    private boolean[] masked = new boolean[0];
    private boolean[] latched = new boolean[0];

    private boolean vectorsPassed;
    private long nextAddress = 1L << 32;

    /// By device address.
    private final TreeMap<Long, MemorySegment> granted = new TreeMap<>();

    /// The lease's own, by device address.
    private final TreeMap<Long, MemorySegment> owned = new TreeMap<>();

    /// Of the lease's own, what came from the generation before and was not taken over yet.
    private final Set<Long> passed = new HashSet<>();

    /// The lease passes to the next generation. Its memory moves, as seen from here, so that what
    /// the old generation still has throws; the device sees it where it was.
    synchronized void pass() {
        lease.state = Lease.State.PASSED;
        lease = new FakeLease(lease.epoch + 1);
        Arena next = Arena.ofShared();
        owned.replaceAll((address, old) -> {
            MemorySegment moved = next.allocate(old.byteSize(), 4096);
            moved.copyFrom(old);
            granted.put(address, moved);
            return moved;
        });
        passed.clear();
        passed.addAll(owned.keySet());
        leaseArena.close();
        leaseArena = next;
        Arrays.fill(handlers, null);
        vectorsPassed = handlers.length > 0;
    }

    /// Memory as the device sees it.
    synchronized MemorySegment resolve(long address, long bytes) {
        Map.Entry<Long, MemorySegment> entry = granted.floorEntry(address);
        if (entry == null || address + bytes > entry.getKey() + entry.getValue().byteSize()) {
            throw new AssertionError(
                    "DMA of " + bytes + " bytes at 0x" + Long.toHexString(address));
        }
        return entry.getValue().asSlice(address - entry.getKey(), bytes);
    }

    // ---- MmioService

    @Override
    public Optional<IrqVectors> adopt(Lease by) {
        requireValid();
        if (!vectorsPassed) {
            return Optional.empty();
        }
        vectorsPassed = false;
        return Optional.of(new FakeVectors(handlers.length, true));
    }

    @Override
    public synchronized DmaBuffer adopt(Lease by, long address) {
        requireValid();
        MemorySegment segment = owned.get(address);
        if (segment == null || !passed.remove(address)) {
            throw new DeviceException("no memory passed at " + Long.toHexString(address));
        }
        return new DmaBuffer(segment, address, this, this::free);
    }

    @Override
    public MmioRegion map(Lease lease, int bar) {
        return MmioRegion.ofAccess("fake BAR 0", lease, nvme, 0, nvme.barBytes);
    }

    // ---- DmaService

    @Override
    public Usage usage(Device device) {
        throw new UnsupportedOperationException("no driver asks for it");
    }

    @Override
    public DmaBuffer allocate(Lease lease, DmaRequest request) {
        requireValid();
        DmaBuffer buffer = allocate(leaseArena, request);
        owned.put(buffer.address(), buffer.segment());
        return buffer;
    }

    @Override
    public DmaBuffer allocateShared(Lease lease, DmaRequest request) {
        requireValid();
        return allocate(arena, request);
    }

    private synchronized DmaBuffer allocate(Arena from, DmaRequest request) {
        addressBits = request.addressBits();
        MemorySegment segment = from.allocate(request.size(), request.alignment());
        long alignment = Math.max(4096, request.alignment());
        long address = (nextAddress + alignment - 1) / alignment * alignment;
        nextAddress = address + request.size();
        granted.put(address, segment);
        liveBuffers++;
        return new DmaBuffer(segment, address, this, this::free);
    }

    private synchronized void free(DmaBuffer buffer) {
        liveBuffers--;
        owned.remove(buffer.address());
    }

    @Override
    public boolean reaches(Lease lease, DmaBuffer buffer) {
        return buffer.pool() == this;
    }

    private void requireValid() {
        if (!lease.isValid()) {
            throw new LeaseRevokedException("fake memory", lease);
        }
    }

    // ---- PciService

    @Override
    public void busMaster(Lease lease, boolean enabled) {
        busMaster = enabled;
    }

    @Override
    public void writeConfig8(Lease lease, int offset, int value) {
        throw new AssertionError("config write");
    }

    @Override
    public void writeConfig16(Lease lease, int offset, int value) {
        throw new AssertionError("config write");
    }

    @Override
    public void writeConfig32(Lease lease, int offset, int value) {
        throw new AssertionError("config write");
    }

    // ---- IrqService

    @Override
    public IrqVectors allocate(Lease lease, int min, int max, Set<IrqKind> kinds) {
        if (irqCount < min) {
            throw new DeviceException("no interrupt vectors: " + irqCount + " of " + min);
        }
        int count = irqKind == IrqKind.INTX ? 1 : Math.min(max, irqCount);
        handlers = new InterruptHandler[count];
        masked = new boolean[count];
        latched = new boolean[count];
        return new FakeVectors(count, false);
    }

    /// The device raises an interrupt.
    void raise(int vector) {
        if (handlers.length == 0) {
            return; // not enabled yet
        }
        int v = irqKind == IrqKind.MSIX ? vector : 0;
        if (v >= handlers.length) {
            throw new AssertionError("vector " + v + " of " + handlers.length);
        }
        if (masked[v] || handlers[v] == null) {
            latched[v] = true;
        } else {
            handlers[v].interrupt(v);
        }
    }

    int vectorCount() {
        return handlers.length;
    }

    private final class FakeVectors implements IrqVectors {
        private final int count;
        private final boolean adopted;

        FakeVectors(int count, boolean adopted) {
            this.count = count;
            this.adopted = adopted;
        }

        @Override
        public IrqKind kind() {
            return irqKind;
        }

        @Override
        public int count() {
            return count;
        }

        @Override
        public void handler(int vector, InterruptHandler handler) {
            handlers[vector] = handler;
            masked[vector] = false;
            if (adopted || latched[vector]) {
                latched[vector] = false;
                handler.interrupt(vector);
            }
        }

        @Override
        public void mask(int vector) {
            masked[vector] = true;
        }

        @Override
        public void unmask(int vector) {
            masked[vector] = false;
            if (latched[vector]) {
                latched[vector] = false;
                handlers[vector].interrupt(vector);
            }
        }

        @Override
        public void raise(int vector) {
            handlers[vector].interrupt(vector);
        }

        @Override
        public long delivered(int vector) {
            return 0;
        }

        @Override
        public void close() {
            irqClosed = true;
        }
    }

    /// What the platform does after a driver that cannot stop: reset, then take everything back.
    void release(Lease.State state) {
        lease.state = state;
        if (!leaseArenaClosed) {
            leaseArenaClosed = true;
            leaseArena.close();
        }
    }

    @Override
    public void close() {
        release(Lease.State.RELEASED);
        arena.close();
    }

    final class FakeLease implements Lease {
        final long epoch;
        volatile State state = State.VALID;

        FakeLease(long epoch) {
            this.epoch = epoch;
        }

        @Override
        public Device device() {
            return device;
        }

        @Override
        public String owner() {
            return "nvme@fake gen " + epoch;
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

    static final class FakeDevice implements PciDevice {
        int vendor = 0x1b36;
        int deviceId = 0x0011;
        volatile boolean present = true;

        @Override
        public String id() {
            return "0000:00:04.0";
        }

        @Override
        public String bus() {
            return "pci";
        }

        @Override
        public String machine() {
            return "fake";
        }

        @Override
        public boolean isPresent() {
            return present;
        }

        @Override
        public PciAddress address() {
            return new PciAddress(0, 0, 4, 0);
        }

        @Override
        public int vendorId() {
            return vendor;
        }

        @Override
        public int deviceId() {
            return deviceId;
        }

        @Override
        public int subsystemVendorId() {
            return 0;
        }

        @Override
        public int subsystemId() {
            return 0;
        }

        @Override
        public int classCode() {
            return 0x010802;
        }

        @Override
        public int revisionId() {
            return 2;
        }

        @Override
        public List<PciBar> bars() {
            return new ArrayList<>();
        }

        @Override
        public List<PciCapability> capabilities() {
            return new ArrayList<>();
        }

        @Override
        public Optional<PciAddress> parent() {
            return Optional.empty();
        }

        @Override
        public int readConfig8(int offset) {
            return 0;
        }

        @Override
        public int readConfig16(int offset) {
            return 0;
        }

        @Override
        public int readConfig32(int offset) {
            return 0;
        }

        @Override
        public int configSize() {
            return 256;
        }
    }
}
