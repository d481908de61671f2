package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/// Counts requests and how long they took, for one writer at a time: whoever holds a lane's gate.
/// Counts may be read by others at any time, and cost a few plain stores a request; latencies only
/// by who holds the gate.
final class Tally {
    private static final int READS = 0;
    private static final int WRITES = 1;
    private static final int FLUSHES = 2;
    private static final int OTHERS = 3;
    private static final int BYTES_READ = 4;
    private static final int BYTES_WRITTEN = 5;
    private static final int ERRORS = 6;
    private static final int BOUNCED = 7;
    private static final int PARKED = 8;
    private static final int ADOPTED = 9;
    private static final int REPLAYED = 10;
    private static final int SIZE = 11;

    private static final int KINDS = BlockOp.COMPARE + 1;

    /// Two hours, to about 1 %: 40 KiB a kind.
    private static final long MOST_NANOS = 7_200_000_000_000L;

    private static final int DIGITS = 2;
    private static final double MICRO = 1_000;

    private final AtomicLongArray counts = new AtomicLongArray(SIZE);
    private final @Nullable Histogram[] latencies = new @Nullable Histogram[KINDS];

    private void add(int index, long amount) {
        counts.setOpaque(index, counts.getPlain(index) + amount);
    }

    /// A request ended.
    void ended(int op, long bytes, int status, long nanos) {
        if (op >= 0 && op < KINDS) {
            latency(op).recordValue(Math.clamp(nanos, 0, MOST_NANOS));
        }
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

    private Histogram latency(int op) {
        Histogram known = latencies[op];
        if (known == null) {
            known = new Histogram(MOST_NANOS, DIGITS);
            latencies[op] = known;
        }
        return known;
    }

    /// A request's memory was copied.
    void bounced() {
        add(BOUNCED, 1);
    }

    /// A request waits for a driver.
    void parked() {
        add(PARKED, 1);
    }

    /// Requests in flight were taken over.
    void adopted(int requests) {
        add(ADOPTED, requests);
    }

    /// A request is submitted again.
    void replayed() {
        add(REPLAYED, 1);
    }

    /// How many requests have ended. Any thread.
    long ended() {
        return counts.getOpaque(READS)
                + counts.getOpaque(WRITES)
                + counts.getOpaque(FLUSHES)
                + counts.getOpaque(OTHERS)
                + counts.getOpaque(ERRORS);
    }

    /// Adds what another has counted. Any thread may write to the other meanwhile.
    void addCounts(Tally other) {
        for (int i = 0; i < SIZE; i++) {
            add(i, other.counts.getOpaque(i));
        }
    }

    /// Adds another's latencies, whose gate is held.
    void addLatencies(Tally other) {
        for (int op = 0; op < KINDS; op++) {
            Histogram theirs = other.latencies[op];
            if (theirs != null) {
                latency(op).add(theirs);
            }
        }
    }

    Disk.Statistics counts() {
        return new Disk.Statistics(
                counts.getOpaque(READS),
                counts.getOpaque(WRITES),
                counts.getOpaque(FLUSHES),
                counts.getOpaque(OTHERS),
                counts.getOpaque(BYTES_READ),
                counts.getOpaque(BYTES_WRITTEN),
                counts.getOpaque(ERRORS),
                counts.getOpaque(BOUNCED),
                counts.getOpaque(PARKED),
                counts.getOpaque(ADOPTED),
                counts.getOpaque(REPLAYED));
    }

    List<Disk.Latency> latencies() {
        List<Disk.Latency> all = new ArrayList<>();
        for (int op = 0; op < KINDS; op++) {
            Histogram histogram = latencies[op];
            if (histogram != null && histogram.getTotalCount() > 0) {
                all.add(summary(BlockOp.name(op), histogram));
            }
        }
        return all;
    }

    private static Disk.Latency summary(String name, Histogram histogram) {
        return new Disk.Latency(
                name,
                histogram.getTotalCount(),
                histogram.getMinValue() / MICRO,
                histogram.getMean() / MICRO,
                histogram.getValueAtPercentile(50) / MICRO,
                histogram.getValueAtPercentile(90) / MICRO,
                histogram.getValueAtPercentile(99) / MICRO,
                histogram.getValueAtPercentile(99.9) / MICRO,
                histogram.getMaxValue() / MICRO);
    }
}
