package helix.integration;

import helix.integration.Ledger.Kind;
import helix.integration.Ledger.Request;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Chooses requests at random, by a seed: writes of 4 to 128 KiB, reads that are compared, flushes,
/// writes with FUA. Also says how long requests took. For one thread that begins requests and one
/// that sees them end.
final class Workload {
    /// The longest transfer.
    static final int MAX_BYTES = 128 << 10;

    private static final int UNIT = 4 << 10;
    private static final int TRIES = 16;

    private final Ledger ledger;
    private final int blocks;
    private final Random random;
    private final boolean hasForcedWrites;
    private volatile long done;
    private volatile long longest;

    Workload(Ledger ledger, long seed, boolean hasForcedWrites) {
        this(ledger, ledger.blocks(), seed, hasForcedWrites);
    }

    /// @param blocks how many, from the first on, it may touch
    Workload(Ledger ledger, int blocks, long seed, boolean hasForcedWrites) {
        this.ledger = ledger;
        this.blocks = blocks;
        this.random = new Random(seed);
        this.hasForcedWrites = hasForcedWrites;
    }

    /// Begins a request.
    ///
    /// @return null if all that was tried touches what is in flight
    @Nullable Request next() {
        int dice = random.nextInt(100);
        if (dice < 4) {
            return ledger.begin(Kind.FLUSH, 0, 0);
        }
        Kind kind = Kind.WRITE;
        if (dice < 8 && hasForcedWrites) {
            kind = Kind.WRITE_DURABLE;
        } else if (dice < 40) {
            kind = Kind.READ;
        }
        int unit = UNIT / ledger.blockSize();
        for (int i = 0; i < TRIES; i++) {
            // Short ones are more frequent: 1, 2, 4 … 32 units, and not always a power of two.
            int units = 1 + random.nextInt(1 << random.nextInt(6));
            int first = random.nextInt(blocks / unit - units) * unit;
            Request request = ledger.begin(kind, first, units * unit);
            if (request != null) {
                return request;
            }
        }
        return null;
    }

    /// A request that was begun then ended now.
    @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
    void took(long beganNanos) {
        done++;
        longest = Math.max(longest, System.nanoTime() - beganNanos);
    }

    /// How many requests have ended.
    long done() {
        return done;
    }

    /// How long the longest took since this was last asked.
    long longestNanos() {
        long l = longest;
        longest = 0;
        return l;
    }
}
