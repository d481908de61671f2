package helix.hal.internal.space;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The free parts of an address space; first fit from below. Addresses are non-negative.
/// Thread-safe.
public final class FreeRanges {
    /// What [#allocate] returns when nothing fits.
    public static final long NONE = -1;

    /// Base to end (exclusive); neighbours never touch.
    private final TreeMap<Long, Long> free = new TreeMap<>();

    /// Adds a range that was not part of the space before, or gives one back.
    ///
    /// @throws IllegalStateException if a part of it is free already
    public synchronized void free(long base, long size) {
        if (size <= 0) {
            return;
        }
        long start = base;
        long end = base + size;
        Map.Entry<Long, Long> below = free.lowerEntry(end);
        if (below != null && below.getValue() > base) {
            throw new IllegalStateException(
                    "range 0x%x + 0x%x is free already".formatted(base, size));
        }
        if (below != null && below.getValue() == base) {
            start = below.getKey();
        }
        Long above = free.remove(end);
        free.put(start, above == null ? end : above);
    }

    /// Takes the lowest free range that satisfies all of this.
    ///
    /// @param alignment a power of two
    /// @param boundary a power of two that the range must not cross a multiple of, or 0
    /// @param highest the highest address that the range may contain
    /// @return its base, or [#NONE]
    public synchronized long allocate(long size, long alignment, long boundary, long highest) {
        for (Map.Entry<Long, Long> range : free.entrySet()) {
            long base = fit(range.getKey(), range.getValue(), size, alignment, boundary);
            if (base != NONE && base + size - 1 <= highest) {
                remove(range.getKey(), range.getValue(), base, base + size);
                return base;
            }
        }
        return NONE;
    }

    /// Takes the lowest free range of this size and alignment.
    ///
    /// @return its base, or [#NONE]
    public long allocate(long size, long alignment) {
        return allocate(size, alignment, 0, Long.MAX_VALUE);
    }

    private static long fit(long start, long end, long size, long alignment, long boundary) {
        long base = alignUp(start, alignment);
        if (boundary != 0 && (base & -boundary) != (base + size - 1 & -boundary)) {
            base = alignUp(alignUp(base, boundary), alignment);
        }
        return base >= start && base <= end && end - base >= size ? base : NONE;
    }

    /// Takes whatever of this range is free.
    ///
    /// @return whether all of it was
    public synchronized boolean reserve(long base, long size) {
        long end = base + size;
        long taken = 0;
        Map.Entry<Long, Long> range = overlapping(base, end);
        while (range != null) {
            long from = Math.max(base, range.getKey());
            long to = Math.min(end, range.getValue());
            taken += to - from;
            remove(range.getKey(), range.getValue(), from, to);
            range = overlapping(base, end);
        }
        return taken == size;
    }

    private Map.@Nullable Entry<Long, Long> overlapping(long base, long end) {
        Map.Entry<Long, Long> range = free.lowerEntry(end);
        return range != null && range.getValue() > base ? range : null;
    }

    private void remove(long start, long end, long from, long to) {
        free.remove(start);
        if (start < from) {
            free.put(start, from);
        }
        if (to < end) {
            free.put(to, end);
        }
    }

    /// The sum of all free ranges.
    public synchronized long available() {
        return free.entrySet().stream().mapToLong(r -> r.getValue() - r.getKey()).sum();
    }

    /// The size of the largest free range, 0 if there is none.
    public synchronized long largest() {
        return free.entrySet().stream().mapToLong(r -> r.getValue() - r.getKey()).max().orElse(0);
    }

    /// Rounds up to a multiple of a power of two.
    public static long alignUp(long value, long alignment) {
        return value + alignment - 1 & -alignment;
    }
}
