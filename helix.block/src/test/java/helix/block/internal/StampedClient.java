package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// A client with blocks of its own that stamps what it writes and checks what it reads, with
/// several requests in flight but one at a time for a place.
final class StampedClient {
    private static final int BLOCK = FakeController.BLOCK;
    static final int PLACES = 32;
    static final int BLOCKS = 4;
    private static final int DEPTH = 8;
    private static final long LIMIT_NANOS = 60_000_000_000L;

    private final SwapRig rig;
    private final int number;
    private final SplittableRandom random;
    private final Thread thread;
    private final long[] acknowledged = new long[PLACES];
    private final long[] written = new long[PLACES];
    private final int[] ops = new int[PLACES];
    private final boolean[] busy = new boolean[PLACES];
    private final DmaBuffer[] memory = new DmaBuffer[PLACES];
    private int inFlight;
    private volatile long completed;
    private volatile boolean stop;
    private volatile @Nullable Throwable failure;

    StampedClient(SwapRig rig, int number, long seed) {
        this.rig = rig;
        this.number = number;
        random = new SplittableRandom(seed + number);
        thread = Thread.ofPlatform().daemon().name("client-" + number).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    long completed() {
        return completed;
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /// Ends it and throws what it has found.
    void stop() throws InterruptedException {
        stop = true;
        if (!thread.join(java.time.Duration.ofSeconds(30))) {
            AssertionError stuck = new AssertionError("client " + number + " does not end");
            stuck.setStackTrace(thread.getStackTrace());
            throw stuck;
        }
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError("client " + number + ": " + thrown, thrown);
        }
    }

    private void run() {
        for (int i = 0; i < PLACES; i++) {
            memory[i] = rig.access.allocate((long) BLOCKS * BLOCK);
        }
        try (BlockQueue queue = rig.access.openQueue(QueueOptions.interrupt(DEPTH))) {
            long end = System.nanoTime() + LIMIT_NANOS;
            while (!stop || inFlight > 0) {
                while (!stop && inFlight < DEPTH) {
                    submit(queue, random.nextInt(PLACES));
                }
                queue.kick();
                if (queue.poll(this::ended, DEPTH) == 0) {
                    queue.await(5_000_000);
                }
                if (System.nanoTime() - end > 0) {
                    throw new AssertionError(inFlight + " requests do not end");
                }
            }
            verifyMedium();
        } catch (RuntimeException | AssertionError e) {
            failure = e;
        }
    }

    private long lba(int place) {
        return (long) (number * PLACES + place) * BLOCKS;
    }

    private void submit(BlockQueue queue, int place) {
        if (busy[place]) {
            return;
        }
        boolean write = random.nextBoolean();
        if (write) {
            written[place]++;
            for (int i = 0; i < BLOCKS; i++) {
                stamp(memory[place].segment(), place, i, written[place]);
            }
        }
        ops[place] = write ? BlockOp.WRITE : BlockOp.READ;
        if (!queue.submit(ops[place], 0, lba(place), BLOCKS, memory[place], 0, place)) {
            throw new AssertionError("a request is not taken");
        }
        busy[place] = true;
        inFlight++;
    }

    private void stamp(MemorySegment at, int place, int block, long version) {
        at.set(ValueLayout.JAVA_LONG, (long) block * BLOCK, lba(place) + block);
        at.set(ValueLayout.JAVA_LONG, (long) block * BLOCK + 8, version);
    }

    private void ended(int place, int status) {
        if (!busy[place]) {
            throw new AssertionError("a request ended twice, place " + place);
        }
        if (status != BlockStatus.OK) {
            throw new AssertionError(BlockStatus.text(status));
        }
        busy[place] = false;
        inFlight--;
        completed++;
        if (ops[place] == BlockOp.WRITE) {
            acknowledged[place] = written[place];
        } else {
            check(memory[place].segment(), 0, place);
        }
    }

    private void check(MemorySegment from, long offset, int place) {
        if (acknowledged[place] == 0) {
            return;
        }
        for (int i = 0; i < BLOCKS; i++) {
            long at = offset + (long) i * BLOCK;
            long lba = from.get(ValueLayout.JAVA_LONG, at);
            long version = from.get(ValueLayout.JAVA_LONG, at + 8);
            if (lba != lba(place) + i || version != acknowledged[place]) {
                throw new AssertionError(
                        "block "
                                + (lba(place) + i)
                                + " holds version "
                                + version
                                + " of block "
                                + lba
                                + " instead of version "
                                + acknowledged[place]);
            }
        }
    }

    private void verifyMedium() {
        for (int place = 0; place < PLACES; place++) {
            check(rig.controller.contents, lba(place) * BLOCK, place);
        }
    }
}
