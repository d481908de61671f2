package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A namespace: a part of the medium in blocks. NVM 1.0, section 2.
final class Namespace implements AutoCloseable {
    /// LBA Data Size of each LBA format.
    static final int[] FORMATS = {9, 12};

    final int nsid;
    private final Backing medium;
    private final long base;
    private final long size;
    private final boolean cached;
    private int format;
    private @Nullable WriteCache cache;
    boolean attached = true;

    /// Blocks that read as errors until they are written: first block to the one after the last.
    private final TreeMap<Long, Long> uncorrectable = new TreeMap<>();

    Namespace(int nsid, Backing medium, long base, long size, int blockShift, boolean cached) {
        this.nsid = nsid;
        this.medium = medium;
        this.base = base;
        this.size = size;
        this.cached = cached && !medium.isNull();
        setFormat(blockShift == 12 ? 1 : 0);
    }

    private void setFormat(int index) {
        format = index;
        close();
        cache = cached ? new WriteCache(medium, FORMATS[index]) : null;
    }

    boolean isNull() {
        return medium.isNull();
    }

    int format() {
        return format;
    }

    int blockShift() {
        return FORMATS[format];
    }

    long blocks() {
        return size >>> blockShift();
    }

    /// Whether a range of blocks is not all there; the first may be any 64 bits.
    boolean isOutside(long first, long count) {
        long blocks = blocks();
        return first < 0 || first > blocks || count > blocks - first;
    }

    void read(long block, Transfer to, MemorySegment memory) {
        long position = base + (block << blockShift());
        for (int i = 0; i < to.pieces(); i++) {
            medium.read(position, memory, to.offset(i), to.length(i));
            position += to.length(i);
        }
    }

    /// Reads bytes from a position in the namespace.
    void readBytes(long position, MemorySegment to, long bytes) {
        medium.read(base + position, to, 0, bytes);
    }

    void write(long block, long bytes, Transfer from, MemorySegment memory, boolean durably) {
        long position = base + (block << blockShift());
        keep(position, bytes, durably);
        for (int i = 0; i < from.pieces(); i++) {
            medium.write(position, memory, from.offset(i), from.length(i));
            position += from.length(i);
        }
        correct(block, bytes >>> blockShift());
    }

    void zero(long block, long count, boolean durably) {
        long position = base + (block << blockShift());
        long bytes = count << blockShift();
        keep(position, bytes, durably);
        medium.zero(position, bytes);
        correct(block, count);
    }

    private void keep(long position, long bytes, boolean durably) {
        WriteCache at = cache;
        if (at == null) {
            return;
        }
        if (at.isBeyond(bytes)) {
            at.flush();
        } else {
            at.before(position, bytes, durably);
        }
    }

    void flush() {
        if (cache != null) {
            cache.flush();
        }
    }

    long unflushedBlocks() {
        return cache == null ? 0 : cache.unflushedBlocks();
    }

    int losePower(RandomGenerator random) {
        return cache == null ? 0 : cache.lose(random);
    }

    /// Format NVM: all blocks read zeroes afterwards.
    void format(int index) {
        flush();
        medium.zero(base, size);
        uncorrectable.clear();
        setFormat(index);
    }

    // ---- Write Uncorrectable

    void markUncorrectable(long block, long count) {
        correct(block, count);
        uncorrectable.put(block, block + count);
    }

    boolean isUncorrectable(long block, long count) {
        if (uncorrectable.isEmpty()) {
            return false;
        }
        Map.Entry<Long, Long> before = uncorrectable.lowerEntry(block + count);
        return before != null && before.getValue() > block;
    }

    private void correct(long block, long count) {
        if (uncorrectable.isEmpty()) {
            return;
        }
        long end = block + count;
        while (true) {
            Map.Entry<Long, Long> entry = uncorrectable.lowerEntry(end);
            if (entry == null || entry.getValue() <= block) {
                return;
            }
            long first = entry.getKey();
            long last = entry.getValue();
            uncorrectable.remove(first);
            if (first < block) {
                uncorrectable.put(first, block);
            }
            if (last > end) {
                uncorrectable.put(end, last);
            }
        }
    }

    @Override
    public void close() {
        if (cache != null) {
            cache.close();
            cache = null;
        }
    }
}
