package helix.integration.fuzz;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.block.nvme.FuzzedNvme;
import helix.hal.api.DmaBuffer;
import helix.hal.api.PciDevice;
import helix.hal.sim.nvme.NvmeFactory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.Test;

/// The controller of the embedded machine loses its power while writes, forced writes and flushes
/// are in flight: what was acknowledged as durable is there afterwards, the rest may not be.
///
/// `-Dhelix.full=true` cuts a thousand times, `-Dhelix.seed=N` begins with a seed that was printed.
public class PowerCutIT {
    private static final int CUTS = Boolean.getBoolean("helix.full") ? 1000 : 100;
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final int DEPTH = 16;
    private static final int BLOCKS = 64;
    private static final int MOST_WRITES = 40;
    private static final int BLOCK_BYTES = 512;

    /// What a block may hold: all generations written since the one that is known to be durable.
    private static final class Book {
        /// Acknowledged writes and forced ones are each a promise to hold this or something newer.
        final long[] durable = new long[BLOCKS];

        final long[] acknowledged = new long[BLOCKS];
        final long[] issued = new long[BLOCKS];
    }

    /// A request in flight.
    private static final class Sent {
        int op;
        int block;
        int blocks;
        boolean forced;
        long generation;

        /// For a flush: what had been acknowledged before it was sent.
        long[] covers = new long[0];
    }

    private final SplittableRandom random;
    private final Book book = new Book();
    private final Sent[] sent = new Sent[DEPTH];
    private long generation;
    private int refused;
    private int failedFlushes;
    private long lost;

    public PowerCutIT() {
        long seed = Long.getLong("helix.seed", 20_260_801L);
        System.out.println("power cuts: seed " + seed);
        random = new SplittableRandom(seed);
    }

    private static FuzzRig rig(String order) {
        return new FuzzRig(
                new NvmeFactory()
                        .create(
                                FuzzRig.ID,
                                Map.of("backing", "mem:4M", "queues", "2", "order", order)),
                1);
    }

    @Test
    public void whatWasFlushedOrForcedOutlastsEveryCut() throws Exception {
        try (FuzzRig rig = rig("shuffled")) {
            FuzzRig.Life life = begin(rig);
            life.bringUp();
            zero(disk(life));
            for (int cut = 0; cut < CUTS; cut++) {
                String at = Integer.toString(1 + random.nextInt(MOST_WRITES));
                PciDevice before = rig.device();
                String _ =
                        rig.machine()
                                .control()
                                .fault("power-cut", Map.of("id", FuzzRig.ID, "at", at, "ms", "1"));
                load(disk(life));
                life = again(rig, life, before);
                check(disk(life), cut);
            }
            life.stop();
            assertThat(life.end(LIMIT).confirmed()).isTrue();
            assertThat(rig.machine().violations()).isEmpty();
            assertThat(rig.machine().iommuFaults()).isEmpty();
            assertThat(rig.machine().failures()).isEmpty();
            assertThat(rig.machine().counters(FuzzRig.ID).get("out-of-order"))
                    .as("commands out of order")
                    .isGreaterThanOrEqualTo(2);
            assertThat(lost).as("blocks that lost what was acknowledged").isGreaterThan(CUTS / 20);
            System.out.printf(
                    "power cuts: %d, %d requests ended without power, %d flushes among them, %d"
                            + " blocks lost an acknowledged write that was not durable%n",
                    CUTS, refused, failedFlushes, lost);
        }
    }

    /// The same without a flush, and with one: what a test must see if the cache is volatile.
    @Test
    public void whatWasNotFlushedIsReallyLost() throws Exception {
        try (FuzzRig rig = rig("fifo");
                Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate((long) BLOCKS * BLOCK_BYTES, 8);
            FuzzRig.Life life = begin(rig);
            life.bringUp();
            for (boolean flushed : new boolean[] {true, false}) {
                BlockDevice device = disk(life);
                data.fill((byte) (flushed ? 1 : 2));
                device.writeBlock(0, data);
                if (flushed) {
                    device.flush();
                }
                PciDevice before = rig.device();
                String said =
                        rig.machine()
                                .control()
                                .fault("power-cut", Map.of("id", FuzzRig.ID, "ms", "1"));
                life = again(rig, life, before);
                disk(life).readBlock(0, data);
                int old = 0;
                for (int block = 0; block < BLOCKS; block++) {
                    MemorySegment one = data.asSlice((long) block * BLOCK_BYTES, BLOCK_BYTES);
                    byte found = one.get(JAVA_BYTE, 0);
                    assertThat(one.toArray(JAVA_BYTE))
                            .as("block %d is not torn", block)
                            .containsOnly(found);
                    assertThat(found).isIn((byte) 1, (byte) 2);
                    old += found == 1 ? 1 : 0;
                }
                if (flushed) {
                    assertThat(said).contains("0 blocks");
                    assertThat(old).isEqualTo(BLOCKS);
                } else {
                    assertThat(old).as("blocks that lost their write").isBetween(1, BLOCKS - 1);
                }
            }
            life.stop();
            assertThat(life.end(LIMIT).confirmed()).isTrue();
        }
    }

    private static FuzzRig.Life begin(FuzzRig rig) {
        PciDevice device = rig.device();
        return rig.begin(
                device, FuzzedNvme.of(device, rig.mmio(), rig.irqs(), rig.dma(), rig.pci(), true));
    }

    private static BlockDevice disk(FuzzRig.Life life) {
        return life.published(BlockDevice.class).orElseThrow();
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as(what).isNegative();
            LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
        }
    }

    /// The device comes back as another one, and a new generation of the driver takes it.
    private static FuzzRig.Life again(FuzzRig rig, FuzzRig.Life life, PciDevice before)
            throws Exception {
        await("it is noticed", () -> !before.isPresent());
        assertThat(life.end(LIMIT).confirmed()).isTrue();
        assertThat(life.escaped()).isEmpty();
        await("it is back", () -> rig.find().filter(d -> d != before).isPresent());
        FuzzRig.Life next = begin(rig);
        next.bringUp();
        return next;
    }

    private static void zero(BlockDevice device) {
        try (Arena arena = Arena.ofConfined()) {
            device.writeBlock(0, arena.allocate((long) BLOCKS * BLOCK_BYTES, 8));
            device.flush();
        }
    }

    /// Writes and flushes until power is lost: no request is left without an end.
    private void load(BlockDevice device) {
        try (BlockQueue queue = device.openQueue(QueueOptions.polled(DEPTH));
                DmaBuffer buffer = device.allocate((long) DEPTH * BLOCKS * BLOCK_BYTES)) {
            boolean[] failed = new boolean[1];
            int[] inFlight = new int[1];
            long end = System.nanoTime() + LIMIT.toNanos();
            while (!failed[0] || inFlight[0] > 0) {
                assertThat(System.nanoTime() - end).as("%d in flight", inFlight[0]).isNegative();
                for (int tag = 0; tag < DEPTH && !failed[0] && queue.isOpen(); tag++) {
                    if (sent[tag] == null && random.nextInt(3) != 0 && submit(queue, buffer, tag)) {
                        inFlight[0]++;
                    }
                }
                if (queue.isOpen()) {
                    queue.kick();
                } else {
                    failed[0] = true;
                }
                int _ =
                        queue.poll(
                                (tag, status) -> {
                                    inFlight[0]--;
                                    failed[0] |= status != BlockStatus.OK;
                                    ended(tag, status);
                                },
                                1 + random.nextInt(DEPTH));
            }
            Arrays.fill(sent, null);
        }
    }

    private boolean submit(BlockQueue queue, DmaBuffer buffer, int tag) {
        Sent request = new Sent();
        if (random.nextInt(8) == 0) {
            request.op = BlockOp.FLUSH;
            request.covers = book.acknowledged.clone();
            if (!queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, tag)) {
                return false;
            }
            sent[tag] = request;
            return true;
        }
        request.op = BlockOp.WRITE;
        request.blocks = 1 + random.nextInt(8);
        request.block = random.nextInt(BLOCKS - request.blocks + 1);
        if (isBusy(request)) {
            return false;
        }
        request.forced = random.nextInt(4) == 0;
        request.generation = ++generation;
        long at = (long) tag * BLOCKS * BLOCK_BYTES;
        MemorySegment data = buffer.segment().asSlice(at, (long) request.blocks * BLOCK_BYTES);
        for (long i = 0; i < data.byteSize(); i += 8) {
            data.set(JAVA_LONG, i, request.generation);
        }
        int flags = request.forced ? BlockOp.FUA : 0;
        if (!queue.submit(BlockOp.WRITE, flags, request.block, request.blocks, buffer, at, tag)) {
            return false;
        }
        for (int i = request.block; i < request.block + request.blocks; i++) {
            book.issued[i] = request.generation;
        }
        sent[tag] = request;
        return true;
    }

    /// Of two writes in flight to one block nobody knows which is last.
    private boolean isBusy(Sent next) {
        for (Sent other : sent) {
            if (other != null
                    && other.op == BlockOp.WRITE
                    && other.block < next.block + next.blocks
                    && next.block < other.block + other.blocks) {
                return true;
            }
        }
        return false;
    }

    private void ended(int tag, int status) {
        Sent request = sent[tag];
        assertThat(request).as("ended once").isNotNull();
        sent[tag] = null;
        if (status != BlockStatus.OK) {
            assertThat(status).isIn(BlockStatus.DEVICE_GONE, BlockStatus.GENERATION_GONE);
            refused++;
            failedFlushes += request.op == BlockOp.FLUSH ? 1 : 0;
            return;
        }
        if (request.op == BlockOp.FLUSH) {
            for (int i = 0; i < BLOCKS; i++) {
                book.durable[i] = Math.max(book.durable[i], request.covers[i]);
            }
            return;
        }
        for (int i = request.block; i < request.block + request.blocks; i++) {
            book.acknowledged[i] = request.generation;
            if (request.forced) {
                book.durable[i] = request.generation;
            }
        }
    }

    /// No block is older than what is known to be durable, newer than what was written, or torn.
    private void check(BlockDevice device, int cut) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate((long) BLOCKS * BLOCK_BYTES, 8);
            device.readBlock(0, data);
            for (int block = 0; block < BLOCKS; block++) {
                long at = (long) block * BLOCK_BYTES;
                long found = data.get(JAVA_LONG, at);
                for (int i = 0; i < BLOCK_BYTES; i += 8) {
                    assertThat(data.get(JAVA_LONG, at + i))
                            .as("block %d is torn after cut %d", block, cut)
                            .isEqualTo(found);
                }
                assertThat(found)
                        .as("block %d after cut %d", block, cut)
                        .isBetween(book.durable[block], book.issued[block]);
                lost += found < book.acknowledged[block] ? 1 : 0;
                book.durable[block] = found;
                book.acknowledged[block] = found;
                book.issued[block] = found;
            }
        }
    }
}
