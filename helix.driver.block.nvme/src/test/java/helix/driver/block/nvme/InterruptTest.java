package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.IrqKind;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InterruptTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    @Test
    void eachInterruptQueueHasAVectorOfItsOwnAndPolledOnesHaveNone() {
        f.start();
        BlockQueue a = f.disk().openQueue(QueueOptions.interrupt(4));
        BlockQueue b = f.disk().openQueue(QueueOptions.interrupt(4));
        BlockQueue c = f.disk().openQueue(QueueOptions.polled(4));
        assertThat(f.nvme.cqs.get(1).vector).isEqualTo(1);
        assertThat(f.nvme.cqs.get(2).vector).isEqualTo(2);
        assertThat(f.nvme.cqs.get(3).interrupts).isFalse();
        a.close();
        b.close();
        c.close();
    }

    @Test
    void withFewerVectorsThanQueuesTheyAreShared() {
        f.hal.irqCount = 2;
        f.start();
        BlockQueue a = f.disk().openQueue(QueueOptions.interrupt(4));
        BlockQueue b = f.disk().openQueue(QueueOptions.interrupt(4));
        assertThat(f.nvme.cqs.get(1).vector).isEqualTo(1);
        assertThat(f.nvme.cqs.get(2).vector).isEqualTo(1);
        a.close();
        b.close();
    }

    @ParameterizedTest
    @CsvSource({"MSIX,32", "MSIX,1", "MSI,4", "INTX,1", "MSIX,0"})
    void awaitSleepsUntilTheDeviceInterrupts(IrqKind kind, int vectors) throws Exception {
        f.hal.irqKind = kind;
        f.hal.irqCount = vectors;
        f.start();
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.interrupt(4))) {
            f.nvme.hold = c -> c.sq.id != 0;
            assertThat(queue.await(1_000_000)).as("nothing came").isFalse();
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
            CountDownLatch shown = new CountDownLatch(1);
            Thread device =
                    new Thread(() -> {
                        try {
                            shown.await();
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        f.nvme.releaseHeld();
                    });
            device.start();
            queue.kick();
            shown.countDown();
            assertThat(queue.await(TimeUnit.SECONDS.toNanos(10))).isTrue();
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:ok");
            device.join();
            for (int i = 0; i < 100; i++) {
                queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, i);
                assertThat(queue.await(TimeUnit.SECONDS.toNanos(10))).isTrue();
                assertThat(Fixture.drain(queue, 1)).containsExactly(i + ":ok");
            }
        }
    }

    @Test
    void whereTheLineDependsOnTheHeadEachPollReportsIt() {
        f.hal.irqKind = IrqKind.INTX;
        f.start();
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.interrupt(4))) {
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
            Fixture.drain(queue, 1);
            assertThat(f.nvme.cqs.get(1).head).isEqualTo(1);
        }
    }

    @Test
    void awaitPolledSpins() {
        f.start();
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            assertThat(queue.await(100_000)).isFalse();
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
            assertThat(queue.await(100_000)).isTrue();
            Fixture.drain(queue, 1);
        }
    }

    @Test
    void theQuirkOfASingleVectorIsObserved() {
        f.hal.device.vendor = 0x106b;
        f.hal.device.deviceId = 0x2001;
        f.start();
        assertThat(f.hal.vectorCount()).isEqualTo(1);
    }
}
