package helix.hal.internal.pci;

import helix.hal.api.PciBar;
import helix.hal.internal.pci.BridgeWindows.Window;
import helix.hal.internal.pci.PciBus.Space;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.space.FreeRanges;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gives base address registers and bridge windows their addresses: sizes everything, keeps what
/// somebody has assigned and enabled, adds up what each bridge needs from the leaves, and hands out
/// from the root. The largest alignment goes first, so that hardly anything is lost.
final class BarAssigner {
    private static final Logger LOG = LoggerFactory.getLogger(BarAssigner.class);

    /// Room that the window of a hot-plug slot keeps for what is plugged in later.
    private static final Map<Space, Long> HOT_PLUG_ROOM =
            Map.of(Space.IO, 0x1000L, Space.MEMORY, 4L << 20, Space.HIGH, 64L << 20);

    /// How much is kept at most around a register of a function that is left alone: it is not
    /// sized.
    private static final long RESERVED_SIZE = 1 << 20;

    private final Map<PciFunction, List<BarSizer.Sized>> sized = new HashMap<>();
    private final Set<PciBus> fixed = new HashSet<>();

    /// Assigns on a bus whose ranges are set, and behind it.
    void assign(PciBus bus) {
        bus.all().forEach(this::size);
        keep(bus);
        place(bus);
        sized.clear();
        fixed.clear();
    }

    private void size(PciFunction function) {
        boolean alone = function.reservation().isPresent() && !function.isBridge();
        sized.put(function, alone ? List.of() : new BarSizer(function).size());
    }

    /// Marks what is in use already.
    private void keep(PciBus bus) {
        for (PciFunction function : bus.functions()) {
            if (function.reservation().isPresent() && !function.isBridge()) {
                keepUnsized(bus, function);
            }
            for (BarSizer.Sized one : sizedOf(function)) {
                if (one.inUse()) {
                    PciBar bar = one.bar();
                    bus.reserve(bar.kind() == PciBar.Kind.IO, bar.address(), bar.size());
                }
            }
        }
        for (PciBus child : bus.children()) {
            BridgeWindows windows = new BridgeWindows(bridgeOf(child));
            if (windows.inUse()) {
                fixed.add(child);
                for (Space space : Space.values()) {
                    Window window = windows.read(space);
                    if (window != null) {
                        bus.reserve(space == Space.IO, window.base(), window.size());
                        child.addRange(space, window.base(), window.size());
                    }
                }
            }
            keep(child);
        }
    }

    private static void keepUnsized(PciBus bus, PciFunction function) {
        for (int index = 0; index < function.barRegisters(); index++) {
            int low = function.config().read32(Header.BAR0 + 4 * index);
            boolean io = (low & 1) != 0;
            long address = io ? low & 0xFFFCL : low & 0xFFFF_FFF0L;
            if (!io && (low & 6) == 4 && index < 5) {
                index++;
                address |= (long) function.config().read32(Header.BAR0 + 4 * index) << 32;
            }
            if (address > 0) {
                // A register's address is a multiple of its size.
                long size = Math.min(Long.lowestOneBit(address), RESERVED_SIZE);
                bus.reserve(io, address, size);
            }
        }
    }

    /// Something that needs an address.
    private interface Item {
        Space space();

        long size();

        long alignment();

        void place(long base);
    }

    private static final Comparator<Item> LARGEST_FIRST =
            Comparator.comparingLong(Item::alignment).thenComparingLong(Item::size).reversed();

    private record BarItem(PciFunction function, PciBar bar, Space space, List<PciBar> assigned)
            implements Item {
        @Override
        public long size() {
            return bar.size();
        }

        @Override
        public long alignment() {
            return bar.size();
        }

        @Override
        public void place(long base) {
            ConfigSpace config = function.config();
            int offset = Header.BAR0 + 4 * bar.index();
            config.write32(offset, (int) base);
            if (bar.kind() == PciBar.Kind.MEMORY64) {
                config.write32(offset + 4, (int) (base >>> 32));
            }
            assigned.add(new PciBar(bar.index(), bar.kind(), bar.prefetchable(), base, bar.size()));
        }
    }

    private record WindowItem(
            PciBus child, Space space, long size, long alignment, Map<Space, Window> windows)
            implements Item {
        @Override
        public void place(long base) {
            windows.put(space, new Window(base, size));
        }
    }

    /// Places what is on a bus, then what is behind its bridges.
    private void place(PciBus bus) {
        Map<PciFunction, List<PciBar>> assigned = new HashMap<>();
        List<Item> items = new ArrayList<>();
        for (PciFunction function : bus.functions()) {
            List<PciBar> bars = new ArrayList<>();
            assigned.put(function, bars);
            for (BarSizer.Sized one : sizedOf(function)) {
                if (one.inUse()) {
                    bars.add(one.bar());
                } else {
                    items.add(new BarItem(function, one.bar(), spaceOf(one.bar(), bus), bars));
                }
            }
        }
        Map<PciBus, Map<Space, Window>> windows = new HashMap<>();
        for (PciBus child : bus.children()) {
            if (!fixed.contains(child)) {
                Map<Space, Window> own = new EnumMap<>(Space.class);
                windows.put(child, own);
                BridgeWindows registers = new BridgeWindows(bridgeOf(child));
                registers.disable();
                boolean high = bus.has(Space.HIGH) && registers.supports(Space.HIGH);
                for (Space space : Space.values()) {
                    if (bus.has(space) && registers.supports(space)) {
                        addIfNotNull(items, need(child, space, own, high));
                    }
                }
            }
        }
        items.sort(LARGEST_FIRST);
        items.forEach(item -> placeOne(bus, item));
        assigned.forEach((function, bars) -> {
            bars.sort(Comparator.comparingInt(PciBar::index));
            function.bars(bars);
        });
        windows.forEach(BarAssigner::program);
        bus.children().forEach(this::place);
    }

    private static void placeOne(PciBus bus, Item item) {
        long base = bus.allocate(item.space(), item.size(), item.alignment());
        if (base == FreeRanges.NONE && item.space() == Space.HIGH && item instanceof BarItem) {
            base = bus.allocate(Space.MEMORY, item.size(), item.alignment());
        }
        if (base != FreeRanges.NONE) {
            item.place(base);
            return;
        }
        switch (item) {
            case BarItem b -> {
                LOG.warn("{}: no address for BAR {} of {} bytes", b.function, b.bar, b.bar.size());
                b.place(0);
            }
            case WindowItem w when w.space == Space.IO ->
                    // Port space is small; few devices need their ports.
                    LOG.debug("{}: no I/O window", w.child.bridge());
            default ->
                    LOG.warn(
                            "no {} window of {} bytes for the bus behind a bridge",
                            item.space(),
                            item.size());
        }
    }

    private static void program(PciBus child, Map<Space, Window> windows) {
        BridgeWindows registers = new BridgeWindows(bridgeOf(child));
        for (Space space : Space.values()) {
            if (registers.supports(space)) {
                Window window = windows.get(space);
                registers.write(space, window);
                if (window != null) {
                    child.addRange(space, window.base(), window.size());
                }
            }
        }
        registers.enable();
    }

    /// What the bus behind a bridge needs of a space.
    ///
    /// @param high whether the bridge can forward high addresses
    /// @return null if nothing
    private @Nullable WindowItem need(
            PciBus bus, Space space, Map<Space, Window> windows, boolean high) {
        List<Item> items = new ArrayList<>();
        for (PciFunction function : bus.functions()) {
            for (BarSizer.Sized one : sizedOf(function)) {
                if (!one.inUse() && spaceBehindBridge(one.bar(), high) == space) {
                    items.add(new BarItem(function, one.bar(), space, List.of()));
                }
            }
        }
        for (PciBus child : bus.children()) {
            BridgeWindows registers = new BridgeWindows(bridgeOf(child));
            if (registers.supports(space)) {
                boolean childHigh = high && registers.supports(Space.HIGH);
                addIfNotNull(items, need(child, space, new EnumMap<>(Space.class), childHigh));
            }
        }
        items.sort(LARGEST_FIRST);
        long granule = space == Space.IO ? BridgeWindows.IO_GRANULE : BridgeWindows.MEMORY_GRANULE;
        long end = 0;
        long alignment = granule;
        for (Item item : items) {
            end = FreeRanges.alignUp(end, item.alignment()) + item.size();
            alignment = Math.max(alignment, item.alignment());
        }
        if (bus.isHotPlugSlot()) {
            end += HOT_PLUG_ROOM.getOrDefault(space, 0L);
        }
        long size = FreeRanges.alignUp(end, granule);
        return size == 0 ? null : new WindowItem(bus, space, size, alignment, windows);
    }

    private static void addIfNotNull(List<Item> items, @Nullable WindowItem item) {
        if (item != null) {
            items.add(item);
        }
    }

    private static Space spaceOf(PciBar bar, PciBus bus) {
        if (bus.bridge() != null) {
            return spaceBehindBridge(bar, bus.has(Space.HIGH));
        }
        Space wish = spaceOnRoot(bar);
        return wish == Space.HIGH && !bus.has(Space.HIGH) ? Space.MEMORY : wish;
    }

    private static Space spaceOnRoot(PciBar bar) {
        return switch (bar.kind()) {
            case IO -> Space.IO;
            case MEMORY32 -> Space.MEMORY;
            case MEMORY64 -> Space.HIGH;
        };
    }

    /// Behind a bridge only prefetchable registers may be high.
    private static Space spaceBehindBridge(PciBar bar, boolean high) {
        Space onRoot = spaceOnRoot(bar);
        return onRoot == Space.HIGH && (!bar.prefetchable() || !high) ? Space.MEMORY : onRoot;
    }

    private List<BarSizer.Sized> sizedOf(PciFunction function) {
        return sized.getOrDefault(function, List.of());
    }

    private static PciFunction bridgeOf(PciBus child) {
        PciFunction bridge = child.bridge();
        if (bridge == null) {
            throw new IllegalStateException("bus " + child.number() + " has no bridge above");
        }
        return bridge;
    }
}
