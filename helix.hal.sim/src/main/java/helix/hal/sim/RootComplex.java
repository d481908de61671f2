package helix.hal.sim;

import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.PciHost;
import helix.hal.sim.FunctionConfig.Decoded;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// The host bridge with bus 0: routes config accesses by bus number and register accesses by
/// address.
final class RootComplex implements PciHost {
    private static final int FUNCTIONS = 256;
    private static final long MEMORY32_BASE = 0xC000_0000L;

    /// The last is where a PC has its interrupt controllers.
    private static final long MEMORY32_END = 0xFE00_0000L;

    private static final long MEMORY64_BASE = 1L << 35;
    private static final int IO_BASE = 0x1000;

    private static final List<Window> WINDOWS =
            List.of(
                    new Window(PciBar.Kind.IO, IO_BASE, 0x10000 - IO_BASE),
                    new Window(PciBar.Kind.MEMORY32, MEMORY32_BASE, MEMORY32_END - MEMORY32_BASE),
                    new Window(PciBar.Kind.MEMORY64, MEMORY64_BASE, MEMORY64_BASE));

    private final AtomicReferenceArray<@Nullable ConfigTarget> bus0 =
            new AtomicReferenceArray<>(FUNCTIONS);
    private final LongAdder configAccesses = new LongAdder();
    private final LongAdder reads = new LongAdder();
    private final LongAdder writes = new LongAdder();
    private final LongAdder portAccesses = new LongAdder();
    private final Space memory = new Space(false, reads, writes);
    private final Space ports = new Space(true, portAccesses, portAccesses);

    /// Who decodes what, sorted by address; replaced as a whole.
    private static final class Routes {
        static final Routes NONE = new Routes(List.of());

        private final long[] bases;
        private final Route[] routes;

        Routes(List<Route> sorted) {
            bases = sorted.stream().mapToLong(Route::base).toArray();
            routes = sorted.toArray(Route[]::new);
        }

        @Nullable Route at(long address) {
            int i = Arrays.binarySearch(bases, address);
            int place = i >= 0 ? i : -i - 2;
            if (place < 0) {
                return null;
            }
            Route route = routes[place];
            return address - route.base < route.size ? route : null;
        }
    }

    private record Route(long base, long size, SimFunction function, int bar) {}

    RootComplex() {
        bus0.set(0, new HostBridge());
    }

    /// What QEMU's generic PCI Express host bridge calls itself.
    private static final class HostBridge implements ConfigTarget {
        private final ConfigImage image =
                new ConfigImage()
                        .put(PciConfig.ID, 4, 0x0008_1B36)
                        .writable(PciConfig.COMMAND, 2, PciConfig.COMMAND_MASTER)
                        .put(PciConfig.CLASS_REVISION, 4, 0x06_0000 << 8);

        @Override
        public synchronized int readConfig(int offset, int width) {
            return image.read(offset, width);
        }

        @Override
        public synchronized void writeConfig(int offset, int width, int value) {
            image.write(offset, width, value);
        }
    }

    /// Puts something on the root bus.
    ///
    /// @return false if that place is taken
    boolean add(int device, ConfigTarget target) {
        if (!bus0.compareAndSet(device << 3, null, target)) {
            return false;
        }
        route();
        return true;
    }

    /// Takes something from the root bus.
    void remove(ConfigTarget target) {
        for (int i = 0; i < FUNCTIONS; i++) {
            boolean _ = bus0.compareAndSet(i, target, null);
        }
        route();
    }

    /// What answers to config accesses.
    @Nullable ConfigTarget at(int bus, int devfn) {
        if (bus == 0) {
            return bus0.get(devfn);
        }
        for (int i = 0; i < FUNCTIONS; i++) {
            if (bus0.get(i) instanceof RootPort port) {
                SimFunction function = port.at(bus, devfn);
                if (function != null) {
                    return function;
                }
            }
        }
        return null;
    }

    /// Finds out anew who decodes what. Any thread, with functions' locks held or not.
    synchronized void route() {
        List<Route> inMemory = new ArrayList<>();
        List<Route> inPorts = new ArrayList<>();
        for (int i = 0; i < FUNCTIONS; i++) {
            ConfigTarget target = bus0.get(i);
            SimFunction function =
                    target instanceof SimFunction f
                            ? f
                            : target instanceof RootPort p ? p.occupant() : null;
            if (function == null) {
                continue;
            }
            for (Decoded range : function.decoded()) {
                if (target instanceof RootPort port && !port.forwards(range)) {
                    continue;
                }
                (range.io() ? inPorts : inMemory)
                        .add(new Route(range.base(), range.size(), function, range.bar()));
            }
        }
        memory.routes = sorted(inMemory);
        ports.routes = sorted(inPorts);
    }

    private static Routes sorted(List<Route> routes) {
        routes.sort(Comparator.comparingLong(Route::base));
        return new Routes(routes);
    }

    @Override
    public int readConfig(int bus, int devfn, int offset, int width) {
        ConfigImage.check(bus, devfn, offset, width);
        configAccesses.increment();
        ConfigTarget target = at(bus, devfn);
        return target == null ? ConfigImage.ones(width) : target.readConfig(offset, width);
    }

    @Override
    public void writeConfig(int bus, int devfn, int offset, int width, int value) {
        ConfigImage.check(bus, devfn, offset, width);
        configAccesses.increment();
        ConfigTarget target = at(bus, devfn);
        if (target != null) {
            target.writeConfig(offset, width, value);
        }
    }

    @Override
    public int configSize() {
        return ConfigImage.SIZE;
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
        return memory;
    }

    BusAccess ports() {
        return ports;
    }

    @Override
    public List<Window> windows() {
        return WINDOWS;
    }

    @Override
    public int line(int device, int pin) {
        return SimLines.of(device, pin);
    }

    @Override
    public boolean isHotPluggable() {
        return true;
    }

    @Override
    public Optional<String> reservation(int bus, int devfn) {
        return bus == 0 && devfn == 0 ? Optional.of("host bridge") : Optional.empty();
    }

    long reads() {
        return reads.sum();
    }

    long writes() {
        return writes.sum();
    }

    long portAccesses() {
        return portAccesses.sum();
    }

    long configAccesses() {
        return configAccesses.sum();
    }

    /// Memory or I/O space. What nobody decodes reads as all ones, as on a bus.
    private static final class Space implements BusAccess {
        private final boolean io;
        private final LongAdder reads;
        private final LongAdder writes;
        private volatile Routes routes = Routes.NONE;

        Space(boolean io, LongAdder reads, LongAdder writes) {
            this.io = io;
            this.reads = reads;
            this.writes = writes;
        }

        private long read(long address, int width) {
            reads.increment();
            Route route = routes.at(address);
            if (route == null || address - route.base > route.size - width) {
                return -1;
            }
            return route.function.read(route.bar, address - route.base, width);
        }

        private void write(long address, int width, long value) {
            writes.increment();
            Route route = routes.at(address);
            if (route != null && address - route.base <= route.size - width) {
                route.function.write(route.bar, address - route.base, width, value);
            }
        }

        private void wide() {
            if (io) {
                throw new IllegalArgumentException("no port access has 64 bits");
            }
        }

        @Override
        public byte read8(long address) {
            return (byte) read(address, 1);
        }

        @Override
        public short read16(long address) {
            return (short) read(address, 2);
        }

        @Override
        public int read32(long address) {
            return (int) read(address, 4);
        }

        @Override
        public long read64(long address) {
            wide();
            return read(address, 8);
        }

        @Override
        public void write8(long address, byte value) {
            write(address, 1, value & 0xFF);
        }

        @Override
        public void write16(long address, short value) {
            write(address, 2, value & 0xFFFF);
        }

        @Override
        public void write32(long address, int value) {
            write(address, 4, Integer.toUnsignedLong(value));
        }

        @Override
        public void write64(long address, long value) {
            wide();
            write(address, 8, value);
        }
    }
}
