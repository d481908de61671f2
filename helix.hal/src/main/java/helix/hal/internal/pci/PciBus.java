package helix.hal.internal.pci;

import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.internal.pci.PciRegisters.Express;
import helix.hal.internal.space.FreeRanges;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One bus: the functions on it, the buses behind its bridges, and the address ranges that are
/// decoded on it. For one thread at a time.
public final class PciBus {
    private final int number;
    private final @Nullable PciFunction bridge;
    private final List<PciFunction> functions = new ArrayList<>();
    private final List<PciBus> children = new ArrayList<>();
    private final List<Range> ranges = new ArrayList<>();
    private int lastNumber;

    /// What a bus decodes: a window of the bridge above, or of the host.
    enum Space {
        /// Port I/O.
        IO,
        /// Memory below 4 GiB.
        MEMORY,
        /// Memory above 4 GiB; behind a bridge for prefetchable registers only.
        HIGH
    }

    private record Range(Space space, long base, long size, FreeRanges free) {
        boolean contains(long address) {
            return address >= base && address < base + size;
        }
    }

    /// A bus without anything on it yet.
    ///
    /// @param bridge the bridge above, null for a root bus
    PciBus(int number, @Nullable PciFunction bridge) {
        this.number = number;
        this.bridge = bridge;
        this.lastNumber = number;
    }

    int number() {
        return number;
    }

    /// The bridge above, null for a root bus.
    public @Nullable PciFunction bridge() {
        return bridge;
    }

    List<PciFunction> functions() {
        return functions;
    }

    /// The buses behind its bridges.
    public List<PciBus> children() {
        return children;
    }

    /// The highest bus number that its bridge forwards.
    int lastNumber() {
        return lastNumber;
    }

    void lastNumber(int last) {
        lastNumber = last;
    }

    /// Everything on this bus and behind its bridges, by address.
    public List<PciFunction> all() {
        return stream().flatMap(b -> b.functions.stream()).sorted(PciBus::byAddress).toList();
    }

    private static int byAddress(PciFunction a, PciFunction b) {
        return a.address().compareTo(b.address());
    }

    /// This bus and all behind it.
    public Stream<PciBus> stream() {
        return Stream.concat(Stream.of(this), children.stream().flatMap(PciBus::stream));
    }

    /// Whether the bridge above is a hot-plug capable slot. PCI Express Base 7.5.3.9.
    public boolean isHotPlugSlot() {
        return bridge != null && HotPlugSlot.isCapable(bridge);
    }

    /// Whether any function on this very bus answers; true if there is none.
    public boolean answers() {
        return functions.isEmpty() || functions.stream().anyMatch(f -> f.config().answers());
    }

    /// Whether a function on this very bus has lost an address or a bus number that it was given.
    public boolean hasForgotten() {
        return functions.stream().anyMatch(PciFunction::hasForgotten)
                || children.stream().anyMatch(child -> !child.isReachable());
    }

    /// Whether the bridge above answers and still knows this bus's number.
    boolean isReachable() {
        return bridge == null
                || (bridge.config().answers()
                        && bridge.config().read8(PciRegisters.Bridge.SECONDARY) == number);
    }

    /// Whether the bridge above is a PCI Express port, below which there is device 0 only.
    boolean isPoint() {
        if (bridge == null) {
            return false;
        }
        int type =
                bridge.capability(PciCapability.PCI_EXPRESS)
                        .map(c -> bridge.readConfig16(c.offset() + Express.CAPABILITIES))
                        .map(word -> word >>> 4 & 0xF)
                        .orElse(-1);
        return type == Express.ROOT_PORT || type == Express.DOWNSTREAM_PORT;
    }

    /// Adds a range that is decoded on this bus.
    void addRange(Space space, long base, long size) {
        FreeRanges free = new FreeRanges();
        free.free(base, size);
        ranges.add(new Range(space, base, size, free));
    }

    boolean has(Space space) {
        return ranges.stream().anyMatch(r -> r.space == space);
    }

    /// Takes a range of addresses.
    ///
    /// @return the base, or [FreeRanges#NONE]
    long allocate(Space space, long size, long alignment) {
        for (Range range : ranges) {
            if (range.space == space) {
                long base = range.free.allocate(size, alignment);
                if (base != FreeRanges.NONE) {
                    return base;
                }
            }
        }
        return FreeRanges.NONE;
    }

    /// Takes addresses that are used already.
    void reserve(boolean io, long base, long size) {
        for (Range range : ranges) {
            if ((range.space == Space.IO) == io && range.contains(base)) {
                range.free.reserve(base, size);
            }
        }
    }

    /// A view with the same number and address ranges, and nothing on it: for functions that come
    /// later than those which are known.
    PciBus forArrivals() {
        PciBus view = new PciBus(number, bridge);
        view.ranges.addAll(ranges);
        view.lastNumber = lastNumber;
        return view;
    }

    /// Forgets a function; its addresses are free again.
    public void remove(PciFunction function) {
        if (!functions.remove(function)) {
            return;
        }
        for (PciBar bar : function.bars()) {
            boolean io = bar.kind() == PciBar.Kind.IO;
            for (Range range : ranges) {
                if ((range.space == Space.IO) == io && range.contains(bar.address())) {
                    range.free.free(bar.address(), bar.size());
                }
            }
        }
    }

    /// Forgets everything that was on this bus; its ranges are free again.
    public void clear() {
        functions.clear();
        children.clear();
        List<Range> kept = List.copyOf(ranges);
        ranges.clear();
        kept.forEach(r -> addRange(r.space, r.base, r.size));
    }
}
