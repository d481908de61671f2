package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class AllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int DEPTH = 64;
    private static final int ROUNDS = 1600;

    private int ended;
    private final BlockQueue.CompletionHandler handler = (tag, status) -> ended++;

    /// The fake allocates, so it runs between the two parts that are measured.
    @Test
    void submitKickAndPollAllocateNothing() {
        Fixture f = new Fixture();
        f.start();
        f.nvme.deferred = true;
        try (DmaBuffer buffer = f.disk().allocate(1 << 20);
                BlockQueue queue = f.disk().openQueue(QueueOptions.polled(DEPTH))) {
            ScatterList list = new ScatterList(2).add(buffer, 0, 4096).add(buffer, 65536, 4096);
            long allocated = 0;
            for (int round = -100; round < ROUNDS; round++) {
                long before = THREADS.getCurrentThreadAllocatedBytes();
                submit(queue, buffer, list);
                long after = THREADS.getCurrentThreadAllocatedBytes();
                long bytes = after - before;
                f.nvme.runDeferred();
                f.commands.io.clear();
                before = THREADS.getCurrentThreadAllocatedBytes();
                ended = 0;
                while (queue.await(1_000_000)) {
                    queue.poll(handler, 16);
                    if (ended == DEPTH) {
                        break;
                    }
                }
                bytes += THREADS.getCurrentThreadAllocatedBytes() - before;
                assertThat(ended).isEqualTo(DEPTH);
                allocated += round < 0 ? 0 : bytes;
            }
            long ios = (long) ROUNDS * DEPTH;
            assertThat(ios).isGreaterThan(100_000);
            assertThat((double) allocated / ios).as("bytes per I/O").isLessThan(0.5);
        } finally {
            f.nvme.deferred = false;
            f.close();
        }
    }

    private static void submit(BlockQueue queue, DmaBuffer buffer, ScatterList list) {
        for (int i = 0; i < DEPTH - 2; i++) {
            queue.submit(BlockOp.READ, 0, i, 1, buffer, 0, i);
        }
        queue.submit(BlockOp.WRITE, 0, 9, 16, list, 0);
        queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 0);
        queue.kick();
    }
}
