package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Many hand-overs in a row with random requests in flight: each ends once, with its own tag and
/// data.
class HandOverSoakTest {
    private static final int GENERATIONS = 200;
    private static final int QUEUES = 2;
    private static final int DEPTH = 24;
    private static final int DISK_BLOCKS = 4096;

    /// Requests of up to 512 blocks, which are two commands; each has memory of its own.
    private static final int CELL_BLOCKS = 512;

    private record Read(int queue, int cell, int lba, int blocks) {}

    private final Fixture f = new Fixture();
    private final List<BlockQueue> queues = new ArrayList<>();
    private final Map<Integer, Read> inFlight = new HashMap<>();
    private final Deque<Integer> freeCells = new ArrayDeque<>();
    private DmaBuffer buffer;
    private Random random;
    private int submitted;
    private int ended;

    @AfterEach
    void end() {
        f.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void everyRequestEndsOnce(long seed) {
        random = new Random(seed);
        start();
        for (int generation = 0; generation < GENERATIONS; generation++) {
            work();
            ModuleState state = f.save();
            completeSome();
            f.adopt(state);
            completeSome();
            f.driver.start();
            queues.replaceAll(f::follow);
            f.runAgents();
        }
        f.nvme.releaseHeld();
        for (int q = 0; q < QUEUES; q++) {
            queues.get(q).kick();
            poll(q, 1000);
            assertThat(queues.get(q).inFlight()).isZero();
            queues.get(q).close();
        }
        assertThat(inFlight).isEmpty();
        assertThat(ended).isEqualTo(submitted).isGreaterThan(GENERATIONS * 10);
        assertThat(f.nvme.resets).isZero();
        buffer.close();
    }

    private void start() {
        f.commands.mdts = 5;
        f.start();
        for (int block = 0; block < DISK_BLOCKS; block++) {
            byte[] data = new byte[512];
            MemorySegment.ofArray(data).set(ValueLayout.JAVA_INT_UNALIGNED, 8, block);
            f.commands.namespaces.get(1).write(block, data);
        }
        buffer = f.disk().allocate(512L * CELL_BLOCKS * QUEUES * DEPTH);
        for (int cell = 0; cell < QUEUES * DEPTH; cell++) {
            freeCells.add(cell);
        }
        queues.add(f.disk().openQueue(QueueOptions.polled(DEPTH).asPassable()));
        queues.add(f.disk().openQueue(QueueOptions.interrupt(DEPTH).asPassable()));
        f.nvme.hold = c -> c.sq.id != 0;
    }

    private void work() {
        for (int step = 0; step < 40; step++) {
            int q = random.nextInt(QUEUES);
            switch (random.nextInt(5)) {
                case 0, 1 -> submit(q);
                case 2 -> queues.get(q).kick();
                case 3 -> completeSome();
                default -> poll(q, random.nextInt(8));
            }
        }
    }

    private void submit(int q) {
        int cell = freeCells.isEmpty() ? -1 : freeCells.peek();
        if (cell < 0) {
            return;
        }
        // Now and then a request that ends without the controller.
        boolean beyond = random.nextInt(16) == 0;
        int blocks = 1 + random.nextInt(random.nextBoolean() ? 8 : CELL_BLOCKS);
        int lba = beyond ? 65536 : random.nextInt(DISK_BLOCKS - blocks);
        long offset = 512L * CELL_BLOCKS * cell;
        buffer.segment().asSlice(offset, 512L * blocks).fill((byte) 0);
        int first = 1 + random.nextInt(blocks);
        ScatterList list = new ScatterList(2).add(buffer, offset, 512L * first);
        if (first < blocks) {
            list.add(buffer, offset + 512L * first, 512L * (blocks - first));
        }
        if (queues.get(q).submit(BlockOp.READ, 0, lba, blocks, list, submitted)) {
            freeCells.remove();
            inFlight.put(submitted++, new Read(q, cell, lba, blocks));
        }
    }

    private void completeSome() {
        for (int n = random.nextInt(12); n > 0 && !f.nvme.held.isEmpty(); n--) {
            f.commands.execute(f.nvme.held.remove(random.nextInt(f.nvme.held.size())));
        }
    }

    private void poll(int q, int max) {
        queues.get(q).poll((tag, status) -> completed(q, tag, status), max);
    }

    private void completed(int q, int tag, int status) {
        Read read = inFlight.remove(tag);
        assertThat(read).as("tag " + tag).isNotNull();
        assertThat(q).isEqualTo(read.queue);
        ended++;
        freeCells.add(read.cell);
        if (read.lba >= DISK_BLOCKS) {
            assertThat(status).isEqualTo(BlockStatus.OUT_OF_RANGE);
            return;
        }
        assertThat(status).isEqualTo(BlockStatus.OK);
        for (int i = 0; i < read.blocks; i++) {
            long at = 512L * (CELL_BLOCKS * (long) read.cell + i) + 8;
            assertThat(buffer.segment().get(ValueLayout.JAVA_INT, at)).isEqualTo(read.lba + i);
        }
    }
}
