package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.util.concurrent.atomic.AtomicLongArray;

/// Counts requests for one writer at a time; others read whatever has arrived. Costs a few plain
/// stores a request.
final class Tally {
    private static final int READS = 0;
    private static final int WRITES = 1;
    private static final int FLUSHES = 2;
    private static final int OTHERS = 3;
    private static final int BYTES_READ = 4;
    private static final int BYTES_WRITTEN = 5;
    private static final int ERRORS = 6;
    private static final int BOUNCED = 7;
    private static final int SIZE = 8;

    private final AtomicLongArray counts = new AtomicLongArray(SIZE);

    private void add(int index, long amount) {
        counts.setOpaque(index, counts.getPlain(index) + amount);
    }

    /// A request ended.
    void ended(int op, long bytes, int status) {
        if (status != BlockStatus.OK) {
            add(ERRORS, 1);
            return;
        }
        switch (op) {
            case BlockOp.READ -> {
                add(READS, 1);
                add(BYTES_READ, bytes);
            }
            case BlockOp.WRITE -> {
                add(WRITES, 1);
                add(BYTES_WRITTEN, bytes);
            }
            case BlockOp.FLUSH -> add(FLUSHES, 1);
            default -> add(OTHERS, 1);
        }
    }

    /// A request's memory was copied.
    void bounced() {
        add(BOUNCED, 1);
    }

    /// Adds all counts of another, whose writer is done.
    void addAll(Tally other) {
        for (int i = 0; i < SIZE; i++) {
            add(i, other.counts.getOpaque(i));
        }
    }

    Disk.Statistics snapshot() {
        return new Disk.Statistics(
                counts.getOpaque(READS),
                counts.getOpaque(WRITES),
                counts.getOpaque(FLUSHES),
                counts.getOpaque(OTHERS),
                counts.getOpaque(BYTES_READ),
                counts.getOpaque(BYTES_WRITTEN),
                counts.getOpaque(ERRORS),
                counts.getOpaque(BOUNCED),
                0,
                0,
                0);
    }
}
