package helix.shell.blk.soak;

import helix.driver.api.block.QueueOptions.Completion;
import java.time.Duration;

/// What load to put on a disk.
///
/// @param seed for places, sizes and kinds of requests
/// @param threads writers, each with a queue and a part of the region of its own
/// @param depth requests in flight for each of them
/// @param completion how completions are noticed
/// @param bytes how much of the disk is used, from its first block on
/// @param readPercent how many of the requests read
/// @param flushEvery time between a writer's flushes; zero for none but the last
/// @param requests after how many requests a writer ends by itself
public record SoakOptions(
        long seed,
        int threads,
        int depth,
        Completion completion,
        long bytes,
        int readPercent,
        Duration flushEvery,
        long requests) {
    /// The smallest request and the unit of places on the disk.
    public static final int CELL_BYTES = 4 << 10;

    /// The largest request.
    public static final int MOST_BYTES = 128 << 10;

    /// Checks the ranges.
    public SoakOptions {
        if (threads < 1 || threads > 64) {
            throw new IllegalArgumentException(threads + " threads; 1 to 64 make sense");
        }
        if (depth < 1 || depth > 4096) {
            throw new IllegalArgumentException("queue depth " + depth + "; 1 to 4096 make sense");
        }
        if (readPercent < 0 || readPercent > 100) {
            throw new IllegalArgumentException(readPercent + " % reads");
        }
        if (flushEvery.isNegative() || requests < 1) {
            throw new IllegalArgumentException(
                    "flushes every " + flushEvery + ", " + requests + " requests");
        }
    }
}
