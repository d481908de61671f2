package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;

/// A queue under test that sees to it that each request ends exactly once, and in time.
final class Io implements AutoCloseable {
    /// How long requests may take, all that are in flight together.
    static final long LIMIT_NANOS = 20_000_000_000L;

    private static final int TAGS = 1 << 12;
    private static final int ONE = TAGS - 1;
    private static final long PAUSE_NANOS = 50_000_000;

    private final BlockDevice device;
    private final BlockQueue queue;
    private final int blockSize;
    private final boolean[] inFlight = new boolean[TAGS];
    private final int[] status = new int[TAGS];
    private final BlockQueue.CompletionHandler handler = this::completed;
    private BlockQueue.@Nullable CompletionHandler listener;
    private int outstanding;
    private @Nullable String fault;

    Io(BlockDevice device, QueueOptions options) {
        this.device = device;
        blockSize = device.blockSize();
        queue = device.openQueue(options);
    }

    BlockDevice device() {
        return device;
    }

    BlockQueue queue() {
        return queue;
    }

    /// Told of each completion, after it was found to be in order.
    void listen(BlockQueue.CompletionHandler to) {
        listener = to;
    }

    private void completed(int tag, int result) {
        if (tag < 0 || tag >= TAGS || !inFlight[tag]) {
            fault = "a request ended that was not in flight, tag " + tag;
            return;
        }
        inFlight[tag] = false;
        status[tag] = result;
        outstanding--;
        BlockQueue.CompletionHandler to = listener;
        if (to != null) {
            to.completed(tag, result);
        }
    }

    /// Submits; false if the queue did not take it.
    boolean offer(
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset,
            int tag) {
        boolean taken = queue.submit(op, flags, lba, blocks, buffer, offset, tag);
        if (taken) {
            begin(tag);
        }
        return taken;
    }

    /// Submits pieces; false if the queue did not take it.
    boolean offer(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        boolean taken = queue.submit(op, flags, lba, blocks, list, tag);
        if (taken) {
            begin(tag);
        }
        return taken;
    }

    private void begin(int tag) {
        Check.that(!inFlight[tag], "tag " + tag + " used twice by the test");
        inFlight[tag] = true;
        outstanding++;
    }

    int outstanding() {
        return outstanding;
    }

    /// How a request ended.
    int status(int tag) {
        return status[tag];
    }

    /// Polls once, waiting a little if there is nothing.
    int step() {
        int taken = queue.poll(handler, TAGS);
        if (taken == 0 && queue.await(PAUSE_NANOS)) {
            taken = queue.poll(handler, TAGS);
        }
        faultless();
        return taken;
    }

    /// Waits until all requests have ended.
    void drain() {
        queue.kick();
        long end = System.nanoTime() + LIMIT_NANOS;
        while (outstanding > 0) {
            step();
            Check.that(System.nanoTime() - end < 0, outstanding + " requests did not end in time");
        }
    }

    /// Waits until all requests have ended, and sees that no more completions come.
    void settle() {
        drain();
        for (int i = 0; i < 3; i++) {
            Check.equal(0, queue.poll(handler, TAGS), "completions that nobody asked for");
            faultless();
        }
        if (queue.isOpen()) {
            Check.equal(0, queue.inFlight(), "requests in flight after all have ended");
        }
    }

    private void faultless() {
        if (fault != null) {
            throw new AssertionError(fault);
        }
    }

    /// Runs one request to its end and gives its status.
    int run(int op, int flags, long lba, int blocks, @Nullable DmaBuffer buffer, long offset) {
        Check.that(
                offer(op, flags, lba, blocks, buffer, offset, ONE),
                BlockOp.name(op) + " was not taken by an idle queue");
        drain();
        return status[ONE];
    }

    /// Runs one request with pieces to its end and gives its status.
    int run(int op, int flags, long lba, int blocks, ScatterList list) {
        Check.that(
                offer(op, flags, lba, blocks, list, ONE),
                BlockOp.name(op) + " was not taken by an idle queue");
        drain();
        return status[ONE];
    }

    /// Moves any number of blocks, in as many requests as it takes; all must succeed.
    void transfer(int op, long lba, int blocks, DmaBuffer buffer, long offset) {
        int most = device.limits().maxTransferBytes() / blockSize;
        for (int done = 0; done < blocks; done += most) {
            int now = Math.min(most, blocks - done);
            Check.ok(
                    run(op, 0, lba + done, now, buffer, offset + (long) done * blockSize),
                    BlockOp.name(op) + " of " + now + " blocks at " + (lba + done));
        }
    }

    /// Writes stamped blocks.
    void writeStamped(long lba, int blocks, long seed) {
        try (DmaBuffer buffer = device.allocate((long) blocks * blockSize)) {
            Stamp.fill(buffer.segment(), 0, blockSize, lba, blocks, seed);
            transfer(BlockOp.WRITE, lba, blocks, buffer, 0);
        }
    }

    /// Reads blocks and throws unless they are stamped so.
    void checkStamped(long lba, int blocks, long seed) {
        try (DmaBuffer buffer = device.allocate((long) blocks * blockSize)) {
            transfer(BlockOp.READ, lba, blocks, buffer, 0);
            Stamp.check(buffer.segment(), 0, blockSize, lba, blocks, seed);
        }
    }

    /// Reads blocks and throws unless they are zero.
    void checkZero(long lba, int blocks) {
        try (DmaBuffer buffer = device.allocate((long) blocks * blockSize)) {
            buffer.segment().fill((byte) 0xEE);
            transfer(BlockOp.READ, lba, blocks, buffer, 0);
            Stamp.checkZero(buffer.segment(), 0, blockSize, lba, blocks);
        }
    }

    /// A request that goes beyond the end ends as such.
    void checkOutOfRange(int op, long lba, int blocks, @Nullable DmaBuffer buffer) {
        Check.status(
                BlockStatus.OUT_OF_RANGE,
                run(op, 0, lba, blocks, buffer, 0),
                BlockOp.name(op) + " of " + blocks + " blocks at " + lba);
    }

    @Override
    public void close() {
        queue.close();
    }
}
