package helix.shell.blk.soak;

import java.util.Arrays;

/// What one writer knows of its part of the disk, in cells: the unit in which it writes. Of each
/// cell, which write was acknowledged last.
final class Ledger {
    private final int writer;
    private final long firstLba;
    private final int blocksPerCell;
    private final long[] acknowledged;

    /// The last write that ended with an error: it may have happened, or not, or in part. 0 if
    /// there was none since the last acknowledged one.
    private final long[] possible;

    private final boolean[] busy;

    Ledger(int writer, long firstLba, int cells, int blocksPerCell) {
        this.writer = writer;
        this.firstLba = firstLba;
        this.blocksPerCell = blocksPerCell;
        acknowledged = new long[cells];
        possible = new long[cells];
        busy = new boolean[cells];
    }

    int writer() {
        return writer;
    }

    int cells() {
        return acknowledged.length;
    }

    int blocksPerCell() {
        return blocksPerCell;
    }

    long lba(int cell) {
        return firstLba + (long) cell * blocksPerCell;
    }

    /// Whether nothing is in flight for any of these cells.
    boolean isFree(int cell, int count) {
        for (int i = cell; i < cell + count; i++) {
            if (busy[i]) {
                return false;
            }
        }
        return true;
    }

    void occupy(int cell, int count) {
        Arrays.fill(busy, cell, cell + count, true);
    }

    void release(int cell, int count) {
        Arrays.fill(busy, cell, cell + count, false);
    }

    void acknowledge(int cell, int count, long sequence) {
        Arrays.fill(acknowledged, cell, cell + count, sequence);
        Arrays.fill(possible, cell, cell + count, 0);
    }

    void failed(int cell, int count, long sequence) {
        Arrays.fill(possible, cell, cell + count, sequence);
    }

    /// The write that was acknowledged last, 0 for none.
    long acknowledged(int cell) {
        return acknowledged[cell];
    }

    /// Whether a cell may hold what was written so.
    boolean allows(int cell, long sequence) {
        return sequence == acknowledged[cell]
                || (sequence > acknowledged[cell] && sequence <= possible[cell]);
    }

    /// Whether a cell's last write ended with an error, so that it may have happened in part.
    boolean isUncertain(int cell) {
        return possible[cell] != 0;
    }
}
