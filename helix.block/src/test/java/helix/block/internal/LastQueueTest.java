package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// A client asks for a queue just when another has the device's last one but no lane for it.
class LastQueueTest {
    /// Another client who asks for a queue.
    private static final class Other {
        private final FutureTask<BlockQueue> task;
        private final Thread thread;

        Other(SwapRig swap) {
            task = new FutureTask<>(() -> swap.queue(4));
            thread = Thread.ofPlatform().daemon().name("other").unstarted(task);
        }

        /// Lets it ask, until it was refused and waits for something or gives up.
        void askInVain() {
            thread.start();
            long end = System.nanoTime() + 10_000_000_000L;
            while (thread.getState() != Thread.State.TIMED_WAITING && thread.isAlive()) {
                assertThat(System.nanoTime()).isLessThan(end);
                Thread.onSpinWait();
            }
        }

        BlockQueue queue() throws Exception {
            try {
                return task.get(10, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw new AssertionError("no queue: " + e.getCause(), e);
            }
        }
    }

    @Test
    void whoComesSecondSharesTheQueueThatIsBeingOpened() throws Exception {
        SwapRig swap = new SwapRig(1);
        Other other = new Other(swap);
        swap.generation.afterOpen = other::askInVain;
        try (BlockQueue first = swap.queue(4);
                BlockQueue second = other.queue()) {
            swap.write(first, 1, 1, 0x11, 1);
            swap.write(second, 2, 1, 0x12, 2);
            swap.finish(first);
            swap.finish(second);
            assertThat(swap.ended).containsOnlyKeys(1, 2);
        }
    }

    @Test
    void whoComesWhileTheOnlyQueueIsClosedGetsItNext() throws Exception {
        SwapRig swap = new SwapRig(1);
        Other other = new Other(swap);
        BlockQueue first = swap.queue(4);
        swap.generation.beforeClose = other::askInVain;
        first.close();
        try (BlockQueue second = other.queue()) {
            swap.write(second, 2, 1, 0x12, 2);
            swap.finish(second);
        }
    }

    @Test
    void aRefusalByAGenerationThatIsOverDoesNotCount() {
        SwapRig swap = new SwapRig(0);
        swap.generation.afterRefusal =
                () -> {
                    swap.controller.limitQueues(1);
                    swap.serveNext();
                };
        try (BlockQueue queue = swap.queue(4)) {
            swap.write(queue, 2, 1, 0x12, 2);
            swap.finish(queue);
        }
    }

    @Test
    void aDeviceWithoutQueuesSaysSo() {
        SwapRig swap = new SwapRig(0);
        assertThatThrownBy(() -> swap.queue(4))
                .isInstanceOf(BlockException.class)
                .hasMessageContaining("all queues are open");
    }
}
