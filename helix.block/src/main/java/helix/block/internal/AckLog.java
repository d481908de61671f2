package helix.block.internal;

import java.util.function.LongSupplier;

/// Which blocks a lane has changed lately, and when on the disk's [clock][ReplayOrder]. Kept as
/// long as a request is in flight that is older: if it has to be submitted again, it must not
/// overwrite them. Guarded by the lane's gate.
final class AckLog {
    private static final int USUAL = 1024;
    private static final int MOST = 1 << 20;

    /// The clock of the oldest request in flight on the disk.
    private final LongSupplier oldest;

    private long[] lbas = new long[USUAL];
    private int[] blocks = new int[USUAL];
    private long[] clocks = new long[USUAL];
    private int first;
    private int count;

    /// Entries up to here were given up although they were needed.
    private long floor = -1;

    AckLog(LongSupplier oldest) {
        this.oldest = oldest;
    }

    void add(long lba, int length, long clock) {
        if (count == lbas.length) {
            makeRoom();
        }
        int at = first + count++ & lbas.length - 1;
        lbas[at] = lba;
        blocks[at] = length;
        clocks[at] = clock;
    }

    private void makeRoom() {
        long needed = oldest.getAsLong();
        while (count > 0 && clocks[first] <= needed) {
            forget();
        }
        if (count <= lbas.length / 2) {
            if (count < USUAL / 2 && lbas.length > USUAL) {
                resize(USUAL);
            }
        } else if (lbas.length < MOST) {
            resize(lbas.length * 2);
        } else {
            for (int i = 0; i < MOST / 4; i++) {
                floor = clocks[first];
                forget();
            }
        }
    }

    private void forget() {
        first = first + 1 & lbas.length - 1;
        count--;
    }

    private void resize(int capacity) {
        long[] newLbas = new long[capacity];
        int[] newBlocks = new int[capacity];
        long[] newClocks = new long[capacity];
        for (int i = 0; i < count; i++) {
            int at = at(i);
            newLbas[i] = lbas[at];
            newBlocks[i] = blocks[at];
            newClocks[i] = clocks[at];
        }
        lbas = newLbas;
        blocks = newBlocks;
        clocks = newClocks;
        first = 0;
    }

    private int at(int index) {
        return first + index & lbas.length - 1;
    }

    int count() {
        return count;
    }

    long lba(int index) {
        return lbas[at(index)];
    }

    int blocks(int index) {
        return blocks[at(index)];
    }

    long clock(int index) {
        return clocks[at(index)];
    }

    /// Whether no request as old as that needs it.
    boolean isNotNeededFrom(long clock) {
        return floor <= clock && (count == 0 || clocks[at(count - 1)] <= clock);
    }

    /// Whether everything after that time is still known.
    boolean reachesBackTo(long clock) {
        return clock >= floor;
    }

    /// Whether any block of a range was changed after that time.
    boolean changed(long lba, long length, long after) {
        for (int i = count - 1; i >= 0; i--) {
            int at = at(i);
            if (clocks[at] <= after) {
                return false;
            }
            if (lbas[at] < lba + length && lba < lbas[at] + blocks[at]) {
                return true;
            }
        }
        return false;
    }
}
