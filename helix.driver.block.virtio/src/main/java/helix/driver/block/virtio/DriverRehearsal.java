package helix.driver.block.virtio;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import java.time.Duration;

/// Runs what a hand-over runs, again and again, on scratch memory: a generation takes over, works,
/// and leaves to the next. The classes are those that drive a device; only the [Hal] below them has
/// none, and [RehearsedDevice] ends what they submit. So they are compiled by the time they are
/// needed.
final class DriverRehearsal {
    /// Long enough for the JVM to compile the path of a request.
    private static final Duration LENGTH = Duration.ofMillis(200);

    private static final int DEPTH = 32;
    private static final int ROUNDS = 2;
    private static final int DATA_BYTES = 256 * 1024;

    private final Rehearsal scratch;
    private final RehearsalHal hal;
    private final Settings settings;
    private final DmaBuffer data;
    private final ScatterList pieces = new ScatterList(4);
    private final BlockQueue.CompletionHandler handler = this::completed;
    private final long handle;
    private ModuleState state;
    private int submitted;
    private int ended;
    private boolean failed;

    DriverRehearsal(Rehearsal scratch, Settings settings) {
        this.scratch = scratch;
        this.settings = settings;
        hal = new RehearsalHal(scratch);
        data = hal.allocate(DATA_BYTES);
        BlkDevice first = new BlkDevice(hal, settings);
        BlkDisk disk = new BlkDisk(first, RehearsalContext.NAME);
        BlockQueue queue = disk.openQueue(QueueOptions.polled(DEPTH).asPassable());
        handle = queue.handle();
        state =
                first.succession()
                        .handOver(RehearsalContext.NAME)
                        .orElseThrow(() -> new ModuleError("rehearsal: no hand-over"))
                        .toModuleState();
    }

    /// Rehearses until it has taken long enough.
    ///
    /// @throws Exception if a request does not end as it must
    void run() throws Exception {
        long begin = System.nanoTime();
        while (!scratch.deadline().isExpired() && System.nanoTime() - begin < LENGTH.toNanos()) {
            oneGeneration();
        }
    }

    private void oneGeneration() throws Exception {
        RehearsalContext platform = new RehearsalContext(true);
        VirtioBlockDriver driver = new VirtioBlockDriver(_ -> hal, settings);
        driver.init(platform);
        driver.restoreState(state);
        driver.start();
        Generation generation = driver.generation();
        BlockQueue queue = generation.disk().adoptQueue(handle);
        if (queue == null) {
            throw new ModuleError("rehearsal: the queue was not taken over");
        }
        for (int round = 0; round < ROUNDS; round++) {
            work(queue, round);
        }
        require(generation.watch().doWork() == 0, "the watch found something to do");
        // The next generation finds some requests ended, and others not.
        submit(queue, 0);
        queue.kick();
        hal.device().complete(3);
        state = driver.saveState().orElseThrow(() -> new ModuleError("rehearsal: no hand-over"));
        require(!platform.hasFailed(), String.valueOf(platform.failure().getMessage()));
        require(state.isIntact() && queue.inFlight() == 0, "the state is not intact");
    }

    private void work(BlockQueue queue, int round) {
        settle(queue);
        submit(queue, round);
        queue.kick();
        settle(queue);
    }

    private void settle(BlockQueue queue) {
        hal.device().complete(0);
        while (queue.await(0)) {
            int _ = queue.poll(handler, DEPTH);
            hal.device().complete(0);
        }
        require(!failed && ended == submitted, "requests did not end as they must");
    }

    private void submit(BlockQueue queue, int round) {
        for (int i = 0; i < 8; i++) {
            count(queue.submit(BlockOp.READ, 0, i, 8, data, 4096L * i, submitted));
            count(queue.submit(BlockOp.WRITE, BlockOp.FUA, i, 16, data, 8192L * i, submitted));
        }
        pieces.clear().add(data, 0, 4096).add(data, 65536, 4096).add(data, 512, 8192);
        count(queue.submit(BlockOp.WRITE, 0, 9, 32, pieces, submitted));
        count(queue.submit(BlockOp.READ, 0, 0, DATA_BYTES >> 9, data, 0, submitted));
        count(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, submitted));
        count(queue.submit(BlockOp.WRITE_ZEROES, 0, round, 8, null, 0, submitted));
        count(queue.submit(BlockOp.DISCARD, 0, round, 8, null, 0, submitted));
    }

    private void count(boolean accepted) {
        require(accepted, "a request was not accepted");
        submitted++;
    }

    private void completed(int tag, int status) {
        ended++;
        if (status != BlockStatus.OK || tag >= submitted) {
            failed = true;
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new ModuleError("rehearsal: " + otherwise);
        }
    }
}
