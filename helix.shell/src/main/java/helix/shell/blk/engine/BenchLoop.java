package helix.shell.blk.engine;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions.Completion;
import helix.hal.api.DmaBuffer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import org.HdrHistogram.Histogram;

/// Keeps a queue full for a while and notes how long each request takes. Allocates nothing while it
/// runs.
final class BenchLoop implements BlockQueue.CompletionHandler {
    private static final long HIGHEST_NANOS = Duration.ofSeconds(100).toNanos();
    private static final int DIGITS = 3;
    private static final long PAUSE_NANOS = 10_000_000;

    /// A device with a deadline of its own ends requests much sooner.
    private static final long STUCK_NANOS = Duration.ofSeconds(60).toNanos();

    private final BlockQueue queue;
    private final BenchOptions options;
    private final DmaBuffer buffer;
    private final int depth;
    private final int requestBlocks;

    /// How many requests lie side by side on the medium.
    private final long places;

    private final long[] begun;
    private final int[] endedTags;
    private final int[] ops;
    private final long[] lbas;
    private final Histogram latencies = new Histogram(1, HIGHEST_NANOS, DIGITS);
    private final boolean spins;
    private long random;
    private long nextPlace;
    private long endNanos;
    private int inFlight;
    private long ios;
    private long errors;
    private int ended;
    private long driverNanos;
    private boolean refused;

    BenchLoop(BlockQueue queue, BenchOptions options, DmaBuffer buffer, int block, long blocks) {
        this.queue = queue;
        this.options = options;
        this.buffer = buffer;
        depth = Math.min(options.depth(), queue.depth());
        requestBlocks = options.requestBytes() / block;
        places = blocks / requestBlocks;
        begun = new long[depth];
        endedTags = new int[depth];
        ops = new int[depth];
        lbas = new long[depth];
        spins = options.completion() == Completion.POLLED;
        // Any state but 0; close seeds give far sequences.
        random = (options.seed() + 1) * 0x9E37_79B9_7F4A_7C15L | 1;
    }

    /// Runs for that long, then until all requests have ended.
    ///
    /// @return nanoseconds until the last one ended
    /// @throws BlockException if the device went
    /// @throws CancellationException if the thread is interrupted
    long run(Duration time) {
        latencies.reset();
        ios = 0;
        errors = 0;
        driverNanos = 0;
        long start = System.nanoTime();
        endNanos = start + time.toNanos();
        for (ended = 0; ended < depth; ended++) {
            endedTags[ended] = ended;
            choose(ended);
        }
        submitAll(start);
        long progress = start;
        boolean cancelled = false;
        while (inFlight > 0) {
            if (!cancelled && Thread.currentThread().isInterrupted()) {
                cancelled = true;
                endNanos = System.nanoTime(); // what is in flight still ends
            }
            ended = 0;
            long asked = System.nanoTime();
            if (queue.poll(this, depth) > 0) {
                progress = System.nanoTime();
                driverNanos += progress - asked;
                note(progress);
                if (progress - endNanos < 0 && !refused) {
                    submitAll(System.nanoTime());
                    driverNanos += System.nanoTime() - begun[endedTags[0]];
                }
            } else if (System.nanoTime() - progress > STUCK_NANOS) {
                throw new BlockException(inFlight + " requests", BlockStatus.TIMED_OUT);
            } else if (spins) {
                Thread.onSpinWait();
            } else {
                queue.await(PAUSE_NANOS);
            }
        }
        if (refused) {
            throw new BlockException(
                    "benchmark after " + ios + " requests", BlockStatus.GENERATION_GONE);
        }
        if (cancelled) {
            throw new CancellationException("benchmark after " + ios + " requests");
        }
        return System.nanoTime() - start;
    }

    /// Takes note and no more: this is within the time of the driver.
    @Override
    public void completed(int tag, int status) {
        endedTags[ended++] = tag;
        if (status != BlockStatus.OK) {
            errors++;
            if (status == BlockStatus.DEVICE_GONE || status == BlockStatus.GENERATION_GONE) {
                refused = true;
            }
        }
    }

    private void note(long now) {
        for (int i = 0; i < ended; i++) {
            int tag = endedTags[i];
            latencies.recordValue(Math.min(now - begun[tag], HIGHEST_NANOS));
            choose(tag);
        }
        ios += ended;
        inFlight -= ended;
    }

    /// Decides what a tag's next request is.
    private void choose(int tag) {
        int op = options.access().reads() ? BlockOp.READ : BlockOp.WRITE;
        long place;
        if (options.access().random()) {
            long draw = draw();
            place = Math.unsignedMultiplyHigh(draw, places);
            if (options.access().writes() && (draw & 1) == 0) {
                op = BlockOp.WRITE;
            }
        } else {
            place = nextPlace;
            nextPlace = place + 1 == places ? 0 : place + 1;
        }
        ops[tag] = op;
        lbas[tag] = place * requestBlocks;
    }

    /// Submits the next request of each tag whose last one has ended.
    private void submitAll(long now) {
        for (int i = 0; i < ended; i++) {
            int tag = endedTags[i];
            begun[tag] = now;
            long offset = (long) tag * options.requestBytes();
            if (queue.submit(ops[tag], 0, lbas[tag], requestBlocks, buffer, offset, tag)) {
                inFlight++;
            } else {
                refused = true;
            }
        }
        queue.kick();
    }

    /// Marsaglia's xorshift, multiplied: 64 good bits for a few cycles.
    private long draw() {
        random ^= random >>> 12;
        random ^= random << 25;
        random ^= random >>> 27;
        return random * 0x2545_F491_4F6C_DD1DL;
    }

    int depth() {
        return depth;
    }

    long ios() {
        return ios;
    }

    /// Time within submissions, doorbells and polls that brought something.
    long driverNanos() {
        return driverNanos;
    }

    long errors() {
        return errors;
    }

    BenchResult.Latency latency() {
        return new BenchResult.Latency(
                micros(latencies.getValueAtPercentile(50)),
                micros(latencies.getValueAtPercentile(99)),
                micros(latencies.getValueAtPercentile(99.9)),
                micros(latencies.getMaxValue()));
    }

    private static double micros(long nanos) {
        return nanos / 1000.0;
    }
}
