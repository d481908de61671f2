package helix.hal.internal.fake;

import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaRemapping;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.PciHost;
import helix.posix.EventFd;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// A machine whose hardware is [FakeFunction]s: config accesses are routed by the bridges' bus
/// numbers, register accesses by their windows.
public final class FakeMachine implements Machine, PciHost, MessageInterrupts, InterruptLines {
    public static final long MEMORY_BASE = 0xC000_0000L;
    public static final long HIGH_BASE = 1L << 35;
    public static final long MESSAGE_ADDRESS = 0xFE00_000CL;
    private static final int MESSAGES = 16;

    private final String name;
    private final Arena arena = Arena.ofShared();
    private final Map<Integer, FakeFunction> root = new TreeMap<>();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final EventFd[] messages = new EventFd[MESSAGES];
    private final BitSet taken = new BitSet();
    private final Map<Integer, List<Integer>> connections = new HashMap<>();
    private final Map<Integer, Boolean> levels = new HashMap<>();
    private final List<PlatformResource> platform = new ArrayList<>();
    private final List<Window> windows = new ArrayList<>();
    private final DmaWindow ram;
    private @Nullable DmaRemapping remapping;
    private volatile boolean dark;
    private volatile boolean hotPluggable;
    private volatile Status status = new Status(State.READY, "");

    /// A machine with nothing in it.
    public FakeMachine(String name) {
        this.name = name;
        windows.add(new Window(PciBar.Kind.IO, 0x1000, 0xF000));
        windows.add(new Window(PciBar.Kind.MEMORY32, MEMORY_BASE, 0x3000_0000));
        windows.add(new Window(PciBar.Kind.MEMORY64, HIGH_BASE, HIGH_BASE));
        ram = new DmaWindow(0x10_0000, arena.allocate(1 << 20, 4096), -1, 0);
        Arrays.setAll(messages, _ -> EventFd.create());
    }

    public FakeMachine with(int devfn, FakeFunction function) {
        root.put(devfn, function);
        return this;
    }

    public FakeMachine remapping(DmaRemapping iommu) {
        remapping = iommu;
        return this;
    }

    @Override
    public Optional<DmaRemapping> remapping() {
        return Optional.ofNullable(remapping);
    }

    public FakeMachine with(PlatformResource resource) {
        platform.add(resource);
        return this;
    }

    public FakeMachine windows(Window... instead) {
        windows.clear();
        windows.addAll(List.of(instead));
        return this;
    }

    /// Functions of the root bus come and go.
    public FakeMachine hotPluggable() {
        hotPluggable = true;
        return this;
    }

    @Override
    public boolean isHotPluggable() {
        return hotPluggable;
    }

    /// Takes a function from the root bus.
    public void without(int devfn) {
        root.remove(devfn);
    }

    /// Changes the state and says so.
    public void state(State state) {
        status = new Status(state, state == State.READY ? "" : "on purpose");
        listeners.forEach(l -> l.statusChanged(status));
    }

    /// Does something to the hardware between two accesses of the HAL, and says so.
    public void change(Runnable what) {
        synchronized (this) {
            what.run();
        }
        pciChanged();
    }

    public void pciChanged() {
        listeners.forEach(Listener::pciChanged);
    }

    public int listeners() {
        return listeners.size();
    }

    /// What a device's message does.
    public void send(long address, int data) {
        if (address == MESSAGE_ADDRESS) {
            messages[data].signal();
        }
    }

    public void close() {
        Arrays.stream(messages).forEach(EventFd::close);
        arena.close();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Status status() {
        return status;
    }

    @Override
    public Optional<PciHost> pci() {
        return Optional.of(this);
    }

    @Override
    public Optional<BusAccess> ports() {
        return Optional.of(new Space(true));
    }

    @Override
    public List<DmaWindow> dmaWindows() {
        return List.of(ram);
    }

    @Override
    public MessageInterrupts messages() {
        return this;
    }

    @Override
    public InterruptLines lines() {
        return this;
    }

    @Override
    public List<PlatformResource> platformDevices() {
        return platform;
    }

    @Override
    public Subscription listen(Listener listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }

    @Override
    public Counters counters() {
        return new Counters(0, 0, 0, 0);
    }

    private FakeFunction find(int bus, int devfn) {
        if (status.state() == State.STALLED) {
            throw new DeviceTimeoutException(name + " does not answer");
        }
        if (dark) {
            return null;
        }
        return bus == 0 ? root.get(devfn) : find(root, bus, devfn);
    }

    /// As while a machine is being reset: no function answers.
    public void dark(boolean now) {
        dark = now;
        pciChanged();
    }

    private static FakeFunction find(Map<Integer, FakeFunction> functions, int bus, int devfn) {
        for (FakeFunction f : functions.values()) {
            boolean bridge = (f.config.get(0x0E) & 0x7F) == 1;
            int secondary = f.config.get(0x19) & 0xFF;
            int subordinate = f.config.get(0x1A) & 0xFF;
            if (bridge && bus >= secondary && bus <= subordinate && f.answersBehind()) {
                return bus == secondary ? f.secondary.get(devfn) : find(f.secondary, bus, devfn);
            }
        }
        return null;
    }

    @Override
    public synchronized int readConfig(int bus, int devfn, int offset, int width) {
        FakeFunction f = find(bus, devfn);
        return f == null ? -1 >>> 32 - 8 * width : f.read(offset, width);
    }

    @Override
    public synchronized void writeConfig(int bus, int devfn, int offset, int width, int value) {
        FakeFunction f = find(bus, devfn);
        if (f != null) {
            f.write(offset, width, value);
        }
    }

    @Override
    public int configSize() {
        return 4096;
    }

    @Override
    public int firstBus() {
        return 0;
    }

    @Override
    public int lastBus() {
        return 255;
    }

    @Override
    public BusAccess memory() {
        return new Space(false);
    }

    @Override
    public List<Window> windows() {
        return windows;
    }

    @Override
    public int line(int device, int pin) {
        return 16 + (device + pin - 1) % 4;
    }

    @Override
    public Optional<String> reservation(int bus, int devfn) {
        return bus == 0 && devfn == 0x1E << 3 && root.containsKey(devfn)
                ? Optional.of("its own messages")
                : Optional.empty();
    }

    @Override
    public synchronized Optional<Messages> allocate(int count) {
        int step = Integer.highestOneBit(count) == count ? count : Integer.highestOneBit(count) * 2;
        for (int first = 0; first + count <= MESSAGES; first += step) {
            if (taken.get(first, first + count).isEmpty()) {
                taken.set(first, first + count);
                int data = first;
                return Optional.of(new FakeMessages(data, count));
            }
        }
        return Optional.empty();
    }

    @Override
    public synchronized int available() {
        return MESSAGES - taken.cardinality();
    }

    private final class FakeMessages implements Messages {
        private final int first;
        private final int count;

        FakeMessages(int first, int count) {
            this.first = first;
            this.count = count;
        }

        @Override
        public long address() {
            return MESSAGE_ADDRESS;
        }

        @Override
        public int data() {
            return first;
        }

        @Override
        public int eventFd(int index) {
            return messages[first + index].fd();
        }

        @Override
        public void close() {
            synchronized (FakeMachine.this) {
                taken.clear(first, first + count);
            }
        }
    }

    @Override
    public synchronized Subscription connect(int line, int eventFd) {
        connections.computeIfAbsent(line, _ -> new ArrayList<>()).add(eventFd);
        return () -> {
            synchronized (this) {
                connections.get(line).remove((Integer) eventFd);
            }
        };
    }

    /// How many listen to lines.
    public synchronized int connections() {
        return connections.values().stream().mapToInt(List::size).sum();
    }

    @Override
    public synchronized boolean isRaised(int line) {
        return levels.getOrDefault(line, false);
    }

    /// Sets a line's level; only its going up is told.
    public synchronized void line(int line, boolean raised) {
        boolean before = levels.getOrDefault(line, false);
        levels.put(line, raised);
        if (raised && !before) {
            connections.getOrDefault(line, List.of()).forEach(EventFd::signal);
        }
    }

    private record Place(FakeFunction function, int bar, long offset) {}

    private static Place place(Map<Integer, FakeFunction> functions, long address, boolean io) {
        for (FakeFunction f : functions.values()) {
            int bar = f.decodes(address, io);
            if (bar >= 0) {
                return new Place(f, bar, address - f.barAddress(bar));
            }
            if ((f.config.get(0x0E) & 0x7F) == 1 && f.forwards(address, io)) {
                return place(f.secondary, address, io);
            }
        }
        throw new AssertionError("nothing decodes 0x" + Long.toHexString(address));
    }

    /// Register accesses.
    private final class Space implements BusAccess {
        private final boolean io;

        Space(boolean io) {
            this.io = io;
        }

        private Place at(long address) {
            if (status.state() == State.STALLED) {
                throw new DeviceTimeoutException(name + " does not answer");
            }
            return place(root, address, io);
        }

        private ByteBuffer bytes(Place p) {
            return p.function.registers(p.bar);
        }

        @Override
        public byte read8(long address) {
            Place p = at(address);
            return bytes(p).get((int) p.offset);
        }

        @Override
        public short read16(long address) {
            Place p = at(address);
            return bytes(p).getShort((int) p.offset);
        }

        @Override
        public int read32(long address) {
            Place p = at(address);
            return bytes(p).getInt((int) p.offset);
        }

        @Override
        public long read64(long address) {
            Place p = at(address);
            return bytes(p).getLong((int) p.offset);
        }

        @Override
        public void write8(long address, byte value) {
            Place p = at(address);
            bytes(p).put((int) p.offset, value);
            p.function.registerWritten(p.bar, p.offset, value);
        }

        @Override
        public void write16(long address, short value) {
            Place p = at(address);
            bytes(p).putShort((int) p.offset, value);
            p.function.registerWritten(p.bar, p.offset, value);
        }

        @Override
        public void write32(long address, int value) {
            Place p = at(address);
            bytes(p).putInt((int) p.offset, value);
            p.function.registerWritten(p.bar, p.offset, value);
        }

        @Override
        public void write64(long address, long value) {
            Place p = at(address);
            bytes(p).putLong((int) p.offset, value);
            p.function.registerWritten(p.bar, p.offset, (int) value);
        }
    }
}
