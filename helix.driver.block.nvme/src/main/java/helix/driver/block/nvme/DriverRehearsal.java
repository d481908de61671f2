package helix.driver.block.nvme;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.RehearsalContext;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/// Runs what a hand-over runs, again and again, on scratch memory: a generation takes over, works,
/// and leaves to the next. The classes are those that drive a device; only the [Hal] below them has
/// none, and [RehearsedController] completes what they submit. So they are compiled by the time
/// they are needed.
final class DriverRehearsal {
    /// Long enough for the JVM to compile the path of a request.
    private static final Duration LENGTH = Duration.ofMillis(200);

    private static final int QUEUE = 1;
    private static final int PAIRS = 2;
    private static final int NSID = 1;
    private static final long HANDLE = 1;
    private static final int DEPTH = 32;

    /// Few, so that taking over is rehearsed as often as a compiler wants to see it.
    private static final int ROUNDS = 2;

    private static final int DATA_BYTES = 256 * 1024;

    /// CAP: 1024 entries a queue, CSTS.RDY within 500 ms, the NVM command set, 4 KiB pages.
    private static final long CAP_VALUE =
            NvmeRegisters.CAP.MQES.put(1023)
                    | NvmeRegisters.CAP.TO.put(1)
                    | NvmeRegisters.CAP.CSS.put(NvmeRegisters.CAP.CSS_NVM);

    private final Rehearsal scratch;
    private final RehearsalHal hal;
    private final Settings settings;
    private final RehearsedController device;
    private final DmaBuffer data;
    private final ScatterList pieces = new ScatterList(4);
    private final BlockQueue.CompletionHandler handler = this::completed;
    private ModuleState state;
    private int submitted;
    private int ended;
    private boolean failed;

    DriverRehearsal(Rehearsal scratch, Settings settings) {
        this.scratch = scratch;
        this.settings = settings;
        hal = new RehearsalHal(scratch);
        NvmeRegisters.Capabilities capabilities = NvmeRegisters.Capabilities.of(CAP_VALUE);
        int page = 1 << capabilities.minPageShift();
        byte[] identity = identifyController();
        Geometry geometry =
                Geometry.of(
                        capabilities,
                        page,
                        new IdentifyController(java.lang.foreign.MemorySegment.ofArray(identity))
                                .mdts());
        QueueState queue = freshQueue(new QueueMemory(hal, geometry, DEPTH, Long.SIZE));
        device = new RehearsedController(hal, QUEUE, capabilities.doorbellStride(), queue.memory());
        RehearsedController.beReady(hal.registers());
        data = hal.allocate(DATA_BYTES, page, Long.SIZE);
        state = firstState(identity, page, queue).toModuleState();
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
        NvmeDriver driver = new NvmeDriver(_ -> hal, settings);
        driver.init(platform);
        driver.restoreState(state);
        driver.start();
        Generation generation = driver.generation();
        Namespace namespace = generation.namespaces().require(NSID);
        BlockQueue queue = namespace.adoptQueue(HANDLE);
        if (queue == null) {
            throw new ModuleError("rehearsal: the queue was not taken over");
        }
        for (int round = 0; round < ROUNDS; round++) {
            work(queue, round);
        }
        require(generation.watch().doWork() == 0, "the watch found something to do");
        // The next generation finds some commands completed, and others not.
        submit(queue, 0);
        queue.kick();
        device.complete(3);
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
        device.complete(0);
        while (queue.await(0)) {
            queue.poll(handler, DEPTH);
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

    // ---- What the first generation finds

    private static QueueState freshQueue(QueueMemory memory) {
        int[] none = new int[0];
        return new QueueState(
                HANDLE,
                QUEUE,
                NSID,
                -1,
                false,
                memory.save(),
                new QueueState.Rings(0, 0, 1, 0, 0, 0),
                new QueueState.Commands(new byte[memory.slots], none, none, new long[0]),
                new QueueState.Outstanding(DEPTH, none, none, none, none, none));
    }

    private ControllerState firstState(byte[] identity, int page, QueueState queue) {
        return new ControllerState(
                CAP_VALUE,
                NvmeRegisters.version(2, 0),
                identity,
                0,
                PAIRS,
                RehearsalHal.VECTORS,
                0,
                0,
                0,
                0,
                new AdminState(
                        hal.allocate(page, page, Long.SIZE).address(),
                        hal.allocate(page, page, Long.SIZE).address(),
                        hal.allocate(page, page, Long.SIZE).address(),
                        0,
                        0,
                        1,
                        0,
                        0,
                        new int[0]),
                List.of(
                        new NamespacePages(
                                NSID, identifyNamespace(), new byte[AdminQueue.DATA_BYTES])),
                new PlainState(0, 0, false, 0),
                List.of(queue),
                new long[0]);
    }

    private static byte[] identifyController() {
        byte[] page = new byte[AdminQueue.DATA_BYTES];
        ByteBuffer fields = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
        fields.put(4, "rehearsal".getBytes(StandardCharsets.US_ASCII));
        fields.put(24, "rehearsal".getBytes(StandardCharsets.US_ASCII));
        fields.put(77, (byte) 5); // MDTS: 128 KiB
        fields.put(111, (byte) 1); // CNTRLTYPE: I/O
        fields.put(512, (byte) (SubmissionEntry.SIZE_SHIFT << 4 | SubmissionEntry.SIZE_SHIFT));
        fields.put(513, (byte) (CompletionEntry.SIZE_SHIFT << 4 | CompletionEntry.SIZE_SHIFT));
        fields.putInt(516, NSID); // NN
        fields.putShort(520, (short) (1 << 3 | 1 << 2 | 1)); // ONCS: zeroes, deallocate, compare
        return page;
    }

    private static byte[] identifyNamespace() {
        byte[] page = new byte[AdminQueue.DATA_BYTES];
        ByteBuffer fields = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
        fields.putLong(0, 1 << 20); // NSZE
        fields.putInt(IdentifyNamespace.LBAF_OFFSET, (int) IdentifyNamespace.LBADS.put(9));
        return page;
    }
}
