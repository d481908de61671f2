package helix.hal.sim.virtio;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.random.RandomGenerator;

/// A disk's volatile write cache: what was written since the last flush may be lost with the power,
/// sector by sector.
///
/// What lies below always has the newest contents. Here is what each sector had before, for as long
/// as it is not stable; the loss of power puts some of that back.
final class VolatileCache implements Media {
    private static final int SECTOR_SHIFT = 9;
    private static final int SECTOR = 1 << SECTOR_SHIFT;
    private static final int SECTORS = 16384;
    private static final int TABLE = 4 * SECTORS;
    private static final long EMPTY = -1;

    private final Media below;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment before = arena.allocate((long) SECTORS * SECTOR, 4096);
    private final long[] sectors = new long[SECTORS];
    private final long[] table = new long[TABLE];
    private int dirty;

    VolatileCache(Media below) {
        this.below = below;
        Arrays.fill(table, EMPTY);
    }

    @Override
    public long bytes() {
        return below.bytes();
    }

    /// How many sectors would be at risk.
    int dirty() {
        return dirty;
    }

    @Override
    public void read(long at, MemorySegment to, long offset, long length) throws IOException {
        below.read(at, to, offset, length);
    }

    @Override
    public void write(long at, MemorySegment from, long offset, long length) throws IOException {
        remember(at, length);
        below.write(at, from, offset, length);
    }

    @Override
    public void zero(long at, long length) throws IOException {
        if (length >> SECTOR_SHIFT > SECTORS) {
            flush(); // more than fits: it is stable at once
            below.zero(at, length);
            return;
        }
        remember(at, length);
        below.zero(at, length);
    }

    private void remember(long at, long length) throws IOException {
        long last = (at + length - 1) >> SECTOR_SHIFT;
        for (long sector = at >> SECTOR_SHIFT; sector <= last; sector++) {
            int slot = (int) ((sector * 0x9E37_79B9_7F4A_7C15L) >>> 48);
            while (table[slot] != EMPTY && table[slot] != sector) {
                slot = slot + 1 & TABLE - 1;
            }
            if (table[slot] == sector) {
                continue;
            }
            if (dirty == SECTORS) {
                // A cache writes back whenever it likes, and has to when it is full.
                flush();
                remember(sector << SECTOR_SHIFT, (last - sector + 1) << SECTOR_SHIFT);
                return;
            }
            table[slot] = sector;
            sectors[dirty] = sector;
            below.read(sector << SECTOR_SHIFT, before, (long) dirty << SECTOR_SHIFT, SECTOR);
            dirty++;
        }
    }

    @Override
    public void flush() throws IOException {
        if (dirty > 0) {
            dirty = 0;
            Arrays.fill(table, EMPTY);
        }
        below.flush();
    }

    /// Power is lost: of the sectors that are not stable, each keeps what was written, or has what
    /// it had before.
    ///
    /// @param random decides
    /// @param lost how many of 100 are lost
    /// @return how many were
    int powerCut(RandomGenerator random, int lost) throws IOException {
        int count = 0;
        for (int i = 0; i < dirty; i++) {
            if (random.nextInt(100) < lost) {
                below.write(sectors[i] << SECTOR_SHIFT, before, (long) i << SECTOR_SHIFT, SECTOR);
                count++;
            }
        }
        flush();
        return count;
    }

    @Override
    public void resize(long bytes) throws IOException {
        flush();
        below.resize(bytes);
    }

    @Override
    public void close() {
        arena.close();
        below.close();
    }
}
