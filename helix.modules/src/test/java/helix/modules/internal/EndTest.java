package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.osgi.framework.BundleContext;

/// What the platform's clock does at its end: whom it asks may be gone already.
class EndTest {
    private static final Duration NOW = Duration.ZERO;

    private static BundleContext noContext() {
        return (BundleContext)
                Proxy.newProxyInstance(
                        EndTest.class.getClassLoader(),
                        new Class<?>[] {BundleContext.class},
                        (_, method, _) -> {
                            throw new IllegalStateException("Invalid BundleContext: " + method);
                        });
    }

    /// The clock has one thread: what it is given later is done later.
    private static void awaitTurn(Supervisor supervisor) throws InterruptedException {
        CountDownLatch turn = new CountDownLatch(1);
        supervisor.later(turn::countDown, Duration.ofMillis(20));
        assertThat(turn.await(5, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void nobodyIsAskedForDriversWhenNothingIsBoundAnyMore() throws Exception {
        Supervisor supervisor = new Supervisor();
        AtomicInteger asked = new AtomicInteger();
        Bindings bindings =
                new Bindings(
                        new Bringing(noContext(), () -> null),
                        supervisor,
                        new Overrides(null),
                        true,
                        () -> {
                            asked.incrementAndGet();
                            return List.of();
                        });
        bindings.halCame();
        awaitTurn(supervisor);
        assertThat(asked).hasValue(1);
        bindings.close();
        bindings.halCame();
        awaitTurn(supervisor);
        assertThat(asked).hasValue(1);
        supervisor.close();
    }

    @Test
    void whatTheClockHadBegunIsOverWhenItIsClosed() throws Exception {
        Supervisor supervisor = new Supervisor();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger ended = new AtomicInteger();
        supervisor.later(
                () -> {
                    begun.countDown();
                    boolean isOver = false;
                    while (!isOver) {
                        try {
                            isOver = go.await(5, TimeUnit.SECONDS);
                        } catch (InterruptedException e) {
                            go.countDown(); // the clock is being closed
                        }
                    }
                    ended.incrementAndGet();
                },
                NOW);
        assertThat(begun.await(5, TimeUnit.SECONDS)).isTrue();
        supervisor.close();
        assertThat(ended).hasValue(1);
        supervisor.later(ended::incrementAndGet, NOW);
        assertThat(ended).hasValue(1);
    }
}
