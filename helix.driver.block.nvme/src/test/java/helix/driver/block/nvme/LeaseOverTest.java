package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What clients meet who come to a generation whose lease is over, without its having been stopped.
class LeaseOverTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.running = false;
        f.close();
    }

    @Test
    void thereIsNoQueueToBeHad() {
        f.start();
        f.hal.release(Lease.State.RELEASED);
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> f.disk().openQueue(QueueOptions.polled(4)))
                .satisfies(e -> assertThat(e.status()).isEqualTo(BlockStatus.GENERATION_GONE));
    }

    @Test
    void aQueueIsClosedAtOnce() {
        f.start();
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4));
        BlockQueue busy = f.disk().openQueue(QueueOptions.polled(4));
        f.nvme.hold = c -> c.sq.id != 0;
        try (DmaBuffer buffer = f.disk().allocate(4096)) {
            assertThat(busy.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
        }
        busy.kick();
        f.hal.release(Lease.State.RELEASED);
        long begin = System.nanoTime();
        queue.close();
        busy.close();
        assertThat(System.nanoTime() - begin).isLessThan(500_000_000);
        assertThat(queue.isOpen()).isFalse();
        assertThat(busy.inFlight()).isZero();
    }

    @Test
    void whenItEndsWhileAQueueIsClosedNobodyIsToldSo() throws InterruptedException {
        f.start();
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4));
        AtomicReference<Throwable> thrown = during(queue::close);
        assertThat(thrown.get()).isNull();
    }

    @Test
    void whenItEndsWhileAQueueIsOpenedThereIsNone() throws InterruptedException {
        f.start();
        BlockDevice disk = f.disk();
        AtomicReference<Throwable> thrown =
                during(() -> disk.openQueue(QueueOptions.polled(4)).close());
        assertThat(thrown.get())
                .isInstanceOfSatisfying(
                        BlockException.class,
                        e -> assertThat(e.status()).isEqualTo(BlockStatus.GENERATION_GONE));
    }

    /// Ends the lease while something waits for an admin command.
    private AtomicReference<Throwable> during(Runnable what) throws InterruptedException {
        CountDownLatch asked = new CountDownLatch(1);
        f.nvme.hold =
                c -> {
                    asked.countDown();
                    return true;
                };
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread client =
                Thread.ofPlatform()
                        .uncaughtExceptionHandler((thread, e) -> thrown.set(e))
                        .start(what);
        assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();
        f.hal.release(Lease.State.RELEASED);
        assertThat(client.join(Duration.ofSeconds(5))).isTrue();
        return thrown;
    }
}
