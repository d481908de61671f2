package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/// A request allocates nothing, from its submission to its completion.
class AllocationTest {
    private static final int ROUNDS = 20_000;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final ScatterList pieces = new ScatterList(2);
    private int ended;

    @Test
    void requestsAllocateNothing() {
        try (Arena arena = Arena.ofConfined()) {
            RehearsalHal hal = new RehearsalHal(new ScratchMemory(arena, Duration.ofSeconds(60)));
            BlkDevice device = new BlkDevice(hal, Settings.standard());
            BlkDisk disk = new BlkDisk(device, "allocation");
            BlockQueue queue = disk.openQueue(QueueOptions.polled(16));
            DmaBuffer buffer = disk.allocate(65536);
            BlockQueue.CompletionHandler handler = (tag, status) -> ended++;
            long least = Long.MAX_VALUE;
            for (int attempt = 0; attempt < 5 && least > 0; attempt++) {
                long driver = 0;
                for (int i = 0; i < ROUNDS; i++) {
                    long before = allocated();
                    submit(queue, buffer, i);
                    driver += allocated() - before;
                    // The write, and then its flush. What the fake allocates does not count.
                    for (int j = 0; j < 2; j++) {
                        hal.device().complete(0);
                        before = allocated();
                        int _ = queue.poll(handler, 16);
                        driver += allocated() - before;
                    }
                }
                least = Math.min(least, driver);
            }
            assertThat(ended % 4).isZero();
            assertThat(ended).isGreaterThanOrEqualTo(4 * ROUNDS);
            // Nothing a request; compilation and class loading cost a little.
            assertThat(least / (4.0 * ROUNDS)).as("bytes a request").isLessThan(1);
            buffer.close();
        }
    }

    private void submit(BlockQueue queue, DmaBuffer buffer, int round) {
        assertThatTaken(queue.submit(BlockOp.READ, 0, round & 1023, 8, buffer, 0, 1));
        assertThatTaken(queue.submit(BlockOp.WRITE, BlockOp.FUA, 8, 8, buffer, 4096, 2));
        pieces.clear().add(buffer, 0, 512).add(buffer, 8192, 1024);
        assertThatTaken(queue.submit(BlockOp.WRITE, 0, 3, 3, pieces, 3));
        assertThatTaken(queue.submit(BlockOp.DISCARD, 0, 3, 3, null, 0, 4));
        queue.kick();
    }

    private static void assertThatTaken(boolean taken) {
        if (!taken) {
            throw new AssertionError("not taken");
        }
    }

    private static long allocated() {
        return THREADS.getCurrentThreadAllocatedBytes();
    }
}
