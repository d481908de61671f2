package helix.hal.sim.nvme;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import java.util.random.RandomGenerator;

/// A namespace's volatile write cache. What is written goes to the medium at once, and what was
/// there before is kept here until it is flushed: losing power brings some of it back, block by
/// block. Base 2.0, section 5.27.1.4; NVM 1.0, section 2.1.4 for the atomicity of a block.
///
/// When it is full the oldest writes become durable, as in any cache.
final class WriteCache implements AutoCloseable {
    private static final long BYTES = 4L << 20;

    private final Backing medium;
    private final int shift;
    private final int capacity;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment old;

    /// Where each kept block lies on the medium; negative (complement) for one that was written
    /// with FUA, so that nothing older may come back.
    private final long[] positions;

    /// Counts of entries ever taken and ever made durable.
    private long taken;

    private long durable;

    WriteCache(Backing medium, int blockShift) {
        this.medium = medium;
        shift = blockShift;
        capacity = (int) (BYTES >>> blockShift);
        positions = new long[capacity];
        old = arena.allocate(BYTES, 4096);
    }

    long unflushedBlocks() {
        return taken - durable;
    }

    void flush() {
        durable = taken;
    }

    /// Keeps what a write is about to replace.
    void before(long position, long bytes, boolean durably) {
        long end = position + bytes;
        for (long at = position; at < end; at += 1L << shift) {
            if (durably && taken == durable) {
                return; // Nothing volatile: nothing older can come back.
            }
            int slot = (int) (taken % capacity);
            if (durably) {
                positions[slot] = ~at;
            } else {
                positions[slot] = at;
                medium.read(at, old, (long) slot << shift, 1L << shift);
            }
            taken++;
            if (taken - durable > capacity) {
                durable = taken - capacity;
            }
        }
    }

    /// Whether keeping that much would push out all the rest.
    boolean isBeyond(long bytes) {
        return bytes > BYTES / 4;
    }

    /// Power is lost. Each block that was not flushed gets one of the contents it had since.
    ///
    /// @return how many blocks changed
    int lose(RandomGenerator random) {
        Set<Long> settled = new HashSet<>();
        Set<Long> changed = new HashSet<>();
        for (long entry = taken - 1; entry >= durable; entry--) {
            int slot = (int) (entry % capacity);
            long position = positions[slot];
            if (position < 0) {
                settled.add(~position);
            } else if (!settled.contains(position)) {
                if (random.nextBoolean()) {
                    medium.write(position, old, (long) slot << shift, 1L << shift);
                    changed.add(position);
                } else {
                    settled.add(position);
                }
            }
        }
        durable = taken;
        return changed.size();
    }

    @Override
    public void close() {
        arena.close();
    }
}
