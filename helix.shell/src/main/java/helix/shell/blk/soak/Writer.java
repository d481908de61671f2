package helix.shell.blk.soak;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions.Completion;
import helix.hal.api.DmaBuffer;
import java.time.Duration;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// One thread's load: keeps a queue full of reads and writes of its part of the disk, and looks at
/// each block that it reads. When told to stop it flushes and reads everything once more. No two
/// requests in flight touch the same cell. Allocates nothing per request.
final class Writer implements Runnable, BlockQueue.CompletionHandler {
    private static final long PAUSE_NANOS = 10_000_000;
    private static final int SPINS = 100;
    private static final int ATTEMPTS = 8;

    /// Longer than a disk waits for a driver.
    private static final long STUCK_NANOS = Duration.ofSeconds(45).toNanos();

    private final BlockQueue queue;
    private final DmaBuffer buffer;
    private final SoakOptions options;
    private final Ledger ledger;
    private final Stamp stamp;
    private final Checker checker;
    private final Defects defects = new Defects();
    private final Latencies latencies;
    private final int depth;
    private final int blockSize;
    private final int cellBytes;
    private final int mostCells;

    /// Of each request, by its tag; an operation below 0 is none.
    private final int[] ops;

    private final int[] cells;
    private final int[] counts;
    private final int[] statuses;
    private final long[] sequences;
    private final long[] begun;

    /// Tags that are free, and tags of requests that ended and were not looked at yet.
    private final int[] idle;

    private final int[] ended;
    private final BitSet wrongAtEnd = new BitSet();
    private final AtomicLong ios = new AtomicLong();
    private long bytes;
    private int idleCount;
    private int endedCount;
    private int inFlight;
    private long sequence;
    private long random;
    private long nextFlush;
    private boolean flushing;
    private boolean loading;
    private volatile boolean stopping;
    private volatile boolean cancelled;
    private volatile boolean verified;
    private volatile @Nullable RuntimeException failure;

    Writer(
            BlockQueue queue,
            DmaBuffer buffer,
            SoakOptions options,
            Ledger ledger,
            ReloadWindow window,
            long run,
            int blockSize,
            int mostBytes) {
        this.queue = queue;
        this.buffer = buffer;
        this.options = options;
        this.ledger = ledger;
        this.blockSize = blockSize;
        depth = Math.min(options.depth(), queue.depth());
        cellBytes = ledger.blocksPerCell() * blockSize;
        mostCells = Math.min(mostBytes / cellBytes, ledger.cells());
        stamp = new Stamp(buffer.segment(), blockSize, run);
        checker = new Checker(stamp, ledger, defects, blockSize, "");
        latencies = new Latencies(window);
        ops = new int[depth];
        cells = new int[depth];
        counts = new int[depth];
        statuses = new int[depth];
        sequences = new long[depth];
        begun = new long[depth];
        idle = new int[depth];
        ended = new int[depth];
        for (int tag = 0; tag < depth; tag++) {
            ops[tag] = -1;
            idle[idleCount++] = tag;
        }
        // Any state but 0; close seeds give far sequences.
        random = (options.seed() * 64 + ledger.writer() + 1) * 0x9E37_79B9_7F4A_7C15L | 1;
    }

    @Override
    public void run() {
        try {
            loading = true;
            load();
            loading = false;
            if (!cancelled) {
                flush();
                readAll();
                verified = !cancelled;
            }
        } catch (RuntimeException e) { // told by SoakRun; the thread must end in order
            giveUp(e);
            failure = e;
        } finally {
            queue.close();
            buffer.close();
        }
    }

    /// What is still in flight has failed; its writes may have happened.
    private void giveUp(RuntimeException why) {
        for (int tag = 0; tag < depth; tag++) {
            if (ops[tag] == BlockOp.WRITE) {
                ledger.failed(cells[tag], counts[tag], sequences[tag]);
            }
            if (ops[tag] >= 0) {
                defects.failed("a request did not end: " + why.getMessage());
            }
        }
    }

    /// Ends the load; everything is then verified.
    void stop() {
        stopping = true;
    }

    /// Ends the load without a verification.
    void cancel() {
        cancelled = true;
        stopping = true;
    }

    private void load() {
        long flushNanos = options.flushEvery().toNanos();
        nextFlush = System.nanoTime() + flushNanos;
        Idling idling = new Idling();
        while (true) {
            boolean more = !stopping && ios.get() + inFlight < options.requests();
            if (!more && inFlight == 0) {
                return;
            }
            boolean submitted = false;
            while (more && idleCount > 0 && submitNext(flushNanos)) {
                submitted = true;
                more = ios.get() + inFlight < options.requests();
            }
            turn(idling, submitted, false);
        }
    }

    private void flush() {
        if (!submitFlush()) { // nothing is in flight: only a queue that is over refuses
            throw new BlockException("the last flush", BlockStatus.GENERATION_GONE);
        }
        Idling idling = new Idling();
        boolean submitted = true;
        while (inFlight > 0) {
            turn(idling, submitted, true);
            submitted = false;
        }
    }

    /// Reads all in order.
    private void readAll() {
        Idling idling = new Idling();
        int next = 0;
        while (next < ledger.cells() || inFlight > 0) {
            boolean submitted = false;
            while (idleCount > 0 && next < ledger.cells()) {
                int count = Math.min(mostCells, ledger.cells() - next);
                if (cancelled || !submit(BlockOp.READ, next, count)) {
                    break;
                }
                next += count;
                submitted = true;
            }
            if (cancelled && inFlight == 0) {
                return;
            }
            turn(idling, submitted, true);
        }
    }

    /// Shows the device what was submitted, takes what has ended, and waits if there was nothing.
    private void turn(Idling idling, boolean submitted, boolean atEnd) {
        if (submitted) {
            queue.kick();
        }
        if (queue.poll(this, depth) > 0) {
            idling.busy();
            for (int i = 0; i < endedCount; i++) {
                conclude(ended[i], atEnd);
            }
            endedCount = 0;
        } else {
            if (inFlight == 0 && !queue.isOpen()) {
                throw new BlockException("the disk's queue", BlockStatus.GENERATION_GONE);
            }
            idling.pause();
        }
    }

    /// How an empty queue is waited for.
    private final class Idling {
        private final boolean spins = options.completion() == Completion.POLLED;
        private long since = System.nanoTime();
        private int turns;

        void busy() {
            turns = 0;
        }

        @SuppressWarnings("ThreadPriorityCheck") // it is right whether or not anybody else runs
        void pause() {
            if (turns++ == 0) {
                since = System.nanoTime();
            } else if ((turns & 63) == 0 && System.nanoTime() - since > STUCK_NANOS) {
                throw new BlockException("verified load", BlockStatus.TIMED_OUT);
            }
            if (!spins) {
                queue.await(PAUSE_NANOS);
            } else if (turns < SPINS) {
                Thread.onSpinWait();
            } else {
                // Whoever replaces the driver may need this processor.
                Thread.yield();
            }
        }
    }

    /// Only notes that it ended; to look at the blocks here would delay the others' times.
    @Override
    public void completed(int tag, int status) {
        long now = System.nanoTime();
        if (tag < 0 || tag >= depth || ops[tag] < 0) {
            defects.failed("a completion with tag " + tag + ", which was not in flight");
            return;
        }
        if (loading) { // the verification at the end is another load
            latencies.completed(begun[tag], now);
        }
        statuses[tag] = status;
        ended[endedCount++] = tag;
        inFlight--;
    }

    private void conclude(int tag, boolean atEnd) {
        int op = ops[tag];
        int cell = cells[tag];
        int count = counts[tag];
        ops[tag] = -1;
        idle[idleCount++] = tag;
        ios.lazySet(ios.get() + 1);
        if (op == BlockOp.FLUSH) {
            flushing = false;
        } else {
            ledger.release(cell, count);
        }
        if (statuses[tag] != BlockStatus.OK) {
            failed(op, cell, count, tag);
            return;
        }
        bytes += (long) count * cellBytes;
        if (op == BlockOp.WRITE) {
            ledger.acknowledge(cell, count, sequences[tag]);
        } else if (op == BlockOp.READ) {
            boolean good = checker.check((long) tag * mostCells * cellBytes, cell, count, atEnd);
            if (!good && atEnd) {
                wrongAtEnd.set(cell, cell + count);
            }
        }
    }

    private void failed(int op, int cell, int count, int tag) {
        if (op == BlockOp.WRITE) {
            ledger.failed(cell, count, sequences[tag]);
        }
        defects.failed(
                "%s of %d bytes at block %d: %s"
                        .formatted(
                                BlockOp.name(op),
                                count * cellBytes,
                                op == BlockOp.FLUSH ? 0 : ledger.lba(cell),
                                BlockStatus.text(statuses[tag])));
    }

    private boolean submitNext(long flushNanos) {
        if (flushNanos > 0 && !flushing && System.nanoTime() - nextFlush >= 0) {
            nextFlush = System.nanoTime() + flushNanos;
            return submitFlush();
        }
        long draw = draw();
        // 1, 2, 4 … cells, as many of each.
        int count = Math.min(1 << (int) ((((draw >>> 8) & 0xFFFF) * 6) >>> 16), mostCells);
        int cell = place(count);
        if (cell < 0) {
            count = 1;
            cell = place(count);
            if (cell < 0) {
                return false;
            }
        }
        boolean reads = Math.floorMod((int) (draw >>> 32), 100) < options.readPercent();
        boolean known = ledger.acknowledged(cell) != 0;
        return submit(reads && known ? BlockOp.READ : BlockOp.WRITE, cell, count);
    }

    /// Free cells side by side, -1 if none were found.
    private int place(int count) {
        for (int i = 0; i < ATTEMPTS; i++) {
            int cell = (int) Math.unsignedMultiplyHigh(draw(), ledger.cells() - count + 1L);
            if (ledger.isFree(cell, count)) {
                return cell;
            }
        }
        return -1;
    }

    private boolean submit(int op, int cell, int count) {
        int tag = idle[idleCount - 1];
        int blocks = count * ledger.blocksPerCell();
        long at = (long) tag * mostCells * cellBytes;
        if (op == BlockOp.WRITE) {
            sequence++;
            for (int b = 0; b < blocks; b++) {
                long place = at + (long) b * blockSize;
                stamp.write(place, ledger.writer(), ledger.lba(cell) + b, sequence);
            }
        }
        begun[tag] = System.nanoTime();
        if (!queue.submit(op, 0, ledger.lba(cell), blocks, buffer, at, tag)) {
            return false;
        }
        ledger.occupy(cell, count);
        accepted(tag, op, cell, count);
        return true;
    }

    private boolean submitFlush() {
        int tag = idle[idleCount - 1];
        begun[tag] = System.nanoTime();
        if (!queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, tag)) {
            return false;
        }
        flushing = true;
        accepted(tag, BlockOp.FLUSH, 0, 0);
        return true;
    }

    private void accepted(int tag, int op, int cell, int count) {
        idleCount--;
        inFlight++;
        ops[tag] = op;
        cells[tag] = cell;
        counts[tag] = count;
        sequences[tag] = sequence;
    }

    /// Marsaglia's xorshift, multiplied: 64 good bits for a few cycles.
    private long draw() {
        random ^= random >>> 12;
        random ^= random << 25;
        random ^= random >>> 27;
        return random * 0x2545_F491_4F6C_DD1DL;
    }

    /// Requests that ended so far. Any thread.
    long ios() {
        return ios.get();
    }

    // What follows is for others once the thread has ended.

    long bytes() {
        return bytes;
    }

    Ledger ledger() {
        return ledger;
    }

    Defects defects() {
        return defects;
    }

    Latencies latencies() {
        return latencies;
    }

    /// Whether a cell, or one that was read with it, was wrong when all was read at the end.
    boolean wasWrong(int cell) {
        return wrongAtEnd.get(cell);
    }

    /// Why it could not read everything at the end.
    ///
    /// @return null if it did
    @Nullable String failure() {
        RuntimeException cause = failure;
        if (cause != null) {
            return String.valueOf(cause.getMessage());
        }
        return verified ? null : "ended early";
    }
}
