package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.InterruptFaultListener;
import helix.hal.api.Lease;
import helix.modules.api.Idle;
import helix.modules.api.Module.Step;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.osgi.framework.Bundle;
import org.osgi.framework.ServiceReference;

/// What breaks is healed: each defect once, with a real component runtime and real threads.
class HealingTest {
    private static final String A = "0000:00:04.0";

    @TempDir Path folder;
    private TestPlatform platform;

    /// How an agent can go wrong.
    private enum Defect {
        EXCEPTION {
            @Override
            void happen() {
                throw new IllegalStateException("ring is broken");
            }
        },
        OUT_OF_MEMORY {
            @Override
            void happen() {
                throw new OutOfMemoryError("made up");
            }
        },
        STACK_OVERFLOW {
            @Override
            void happen() {
                deeper(1);
            }

            private static int deeper(int depth) {
                return deeper(depth + 1) + 1;
            }
        },
        LINKAGE {
            @Override
            void happen() {
                throw new NoClassDefFoundError("helix/Gone");
            }
        };

        abstract void happen();
    }

    @BeforeEach
    void boot() throws Exception {
        platform = new TestPlatform(folder);
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    private ModuleHealth health() {
        return platform.binder.health().stream()
                .filter(h -> h.deviceId().equals(A))
                .findFirst()
                .orElse(new ModuleHealth("", A, 0, 0, 0, -1, false));
    }

    private void awaitGeneration(long generation) {
        platform.await(
                "generation " + generation,
                () ->
                        platform.binder
                                .module(A)
                                .filter(m -> m.state() == State.RUNNING)
                                .filter(m -> m.generation() == generation)
                                .isPresent());
    }

    /// Lets a step go wrong in the first generation only.
    private static void once(String step, Probe.Hook hook) {
        AtomicInteger calls = new AtomicInteger();
        Probe.HOOKS.put(step, c -> calls.getAndIncrement() == 0 ? hook.call(c) : null);
    }

    private static Object always(ModuleContext context, Runnable work) {
        context.agent(
                "rx",
                () -> {
                    work.run();
                    return 0;
                },
                Idle.every(Duration.ofMillis(5)));
        return context;
    }

    /// Spins as bad code does, deaf to everything, until the test is over.
    private static void spin(CountDownLatch until) {
        while (until.getCount() > 0) {
            Thread.onSpinWait();
        }
    }

    private void start() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
    }

    // --- what throws -----------------------------------------------------------------------------

    @ParameterizedTest
    @EnumSource
    void anAgentThatThrows(Defect defect) throws Exception {
        once("start", c -> always(c, defect::happen));
        start();
        awaitGeneration(2);
        assertThat(health()).isEqualTo(new ModuleHealth("pr0", A, 1, 1, 0, -1, false));
        assertThat(Probe.LOG).contains(A + " stop");
    }

    @Test
    void aHandlerThatThrows() throws Exception {
        start();
        platform.settle();
        faults().handlerFailed(lease(), 3, new StackOverflowError());
        awaitGeneration(2);
        assertThat(health().restarts()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"init", "start"})
    void bringUpThatThrowsAnError(String step) throws Exception {
        once(
                step,
                _ -> {
                    throw new NoSuchMethodError("gone()");
                });
        start();
        awaitGeneration(2);
        assertThat(health().failures()).isEqualTo(1);
    }

    @Test
    void aConstructorThatThrowsIsARefusal() throws Exception {
        Probe.HOOKS.put(
                "construct",
                _ -> {
                    throw new NoSuchMethodError("gone()");
                });
        start();
        platform.settle();
        // The component runtime does not tell an Error from a missing reference.
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason()).contains("the constructor of driver probe failed");
        assertThat(health().failures()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"init", "start"})
    void aRefusalIsNotTriedAgain(String step) throws Exception {
        Probe.HOOKS.put(
                step,
                _ -> {
                    throw new DeviceException("cannot drive this controller");
                });
        start();
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason()).isEqualTo("cannot drive this controller");
        assertThat(health()).isEqualTo(new ModuleHealth("pr0", A, 0, 0, 0, -1, false));
    }

    @Test
    void aTimeoutIsNoRefusal() throws Exception {
        once(
                "init",
                _ -> {
                    throw new DeviceTimeoutException("machine is stalled");
                });
        start();
        awaitGeneration(2);
    }

    @Test
    void aRefusalAfterServiceIsTriedAgain() throws Exception {
        AtomicInteger inits = new AtomicInteger();
        Probe.HOOKS.put(
                "init",
                _ -> {
                    if (inits.incrementAndGet() == 2) {
                        throw new ModuleError("no CSTS.RDY = 1 after 1 s");
                    }
                    return null;
                });
        start();
        platform.settle();
        faults().handlerFailed(lease(), 0, new IllegalStateException());
        awaitGeneration(3);
        assertThat(health().failures()).isEqualTo(2);
    }

    @Test
    void aStopThatThrowsAfterACrash() throws Exception {
        once("start", c -> always(c, Defect.EXCEPTION::happen));
        once(
                "stop",
                _ -> {
                    throw new AssertionError("what now");
                });
        start();
        awaitGeneration(2);
        assertThat(health().failures()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tick", "health"})
    void anEventOrAQuestionAfterItsHealthThatThrows(String step) throws Exception {
        once(
                step,
                _ -> {
                    throw new StackOverflowError();
                });
        start();
        awaitGeneration(2);
    }

    // --- what hangs ------------------------------------------------------------------------------

    @Test
    void anAgentThatLoops() throws Exception {
        CountDownLatch out = new CountDownLatch(1);
        try {
            once("start", c -> always(c, () -> spin(out)));
            start();
            long begin = System.nanoTime();
            awaitGeneration(2);
            assertThat(Duration.ofNanos(System.nanoTime() - begin))
                    .isLessThan(ModuleRun.AGENT_LIMIT.plusSeconds(2));
            assertThat(health().zombies()).isEqualTo(1);
            assertThat(platform.leases.leases()).hasSize(1);
            assertThat(gadgets()).isEqualTo(1);
            assertThat(platform.module(A).reason()).isEmpty();
        } finally {
            out.countDown();
        }
        platform.await("no zombie", () -> health().zombies() == 0);
    }

    @Test
    void anAgentThatHoldsWhatStopWaitsFor() throws Exception {
        CountDownLatch out = new CountDownLatch(1);
        Object monitor = new Object();
        try {
            once(
                    "start",
                    c ->
                            always(
                                    c,
                                    () -> {
                                        synchronized (monitor) {
                                            spin(out);
                                        }
                                    }));
            Probe.HOOKS.put(
                    "stop",
                    _ -> {
                        synchronized (monitor) {
                            return null;
                        }
                    });
            start();
            long begin = System.nanoTime();
            awaitGeneration(2);
            assertThat(Duration.ofNanos(System.nanoTime() - begin))
                    .isLessThan(ModuleRun.AGENT_LIMIT.plusSeconds(2));
        } finally {
            out.countDown();
        }
    }

    @Test
    void aHandlerThatLoops() throws Exception {
        start();
        platform.settle();
        CountDownLatch out = new CountDownLatch(1);
        Lease lease = lease();
        // The HAL's thread, by the name that the HAL gives it.
        Thread handler = Thread.ofPlatform().name("irq " + lease.owner()).start(() -> spin(out));
        try {
            faults().handlerStuck(lease, 3, Duration.ofSeconds(1));
            awaitGeneration(2);
            assertThat(health().zombies()).isEqualTo(1);
            assertThat(Probe.LOG).doesNotContain(A + " stop");
        } finally {
            out.countDown();
        }
        assertThat(handler.join(Duration.ofSeconds(10))).isTrue();
        assertThat(health().zombies()).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"INIT", "START"})
    void bringUpThatHangs(Step step) throws Exception {
        Probe.LIMITS.put(step, Duration.ofMillis(300));
        once(
                step.name().toLowerCase(java.util.Locale.ROOT),
                _ -> {
                    Probe.hang();
                    return null;
                });
        start();
        long begin = System.nanoTime();
        awaitGeneration(2);
        assertThat(Duration.ofNanos(System.nanoTime() - begin))
                .isLessThan(Duration.ofMillis(2_300));
        assertThat(health().zombies()).isEqualTo(1);
        Probe.release();
        platform.await("no zombie", () -> health().zombies() == 0);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void aStopThatHangsAfterACrash() throws Exception {
        Probe.LIMITS.put(Step.STOP, Duration.ofMillis(200));
        once("start", c -> always(c, Defect.EXCEPTION::happen));
        once(
                "stop",
                _ -> {
                    Probe.hang();
                    return null;
                });
        start();
        awaitGeneration(2);
        assertThat(health().zombies()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"quiesce", "stop"})
    void whatHangsWhenItIsRebound(String step) throws Exception {
        Probe.LIMITS.put(Step.STOP, Duration.ofMillis(200));
        once(
                step,
                _ -> {
                    Probe.hang();
                    return null;
                });
        start();
        platform.settle();
        platform.binder.rebind(A);
        awaitGeneration(2);
        assertThat(health().zombies()).isEqualTo(1);
        assertThat(health().failures()).isZero();
    }

    // --- quarantine ------------------------------------------------------------------------------

    @Test
    void fiveCrashesAreQuarantinedUntilRebound() throws Exception {
        Probe.HOOKS.put("start", c -> always(c, Defect.EXCEPTION::happen));
        start();
        platform.await("quarantine", () -> health().quarantined());
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason())
                .isEqualTo(
                        "quarantined after 5 failures in 60 s: agent rx: ring is broken;"
                                + " helix:rebind 0000:00:04.0 releases it");
        assertThat(platform.module(A).generation()).isEqualTo(5);
        assertThat(health()).isEqualTo(new ModuleHealth("pr0", A, 5, 4, 0, -1, true));
        assertThat(platform.leases.leases()).isEmpty();
        assertThat(gadgets()).isZero();

        Probe.HOOKS.clear();
        platform.binder.rebind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(platform.module(A).reason()).isEmpty();
        assertThat(health().failures()).isZero();
        assertThat(health().quarantined()).isFalse();
    }

    @Test
    void aReloadReleasesWhatIsQuarantined() throws Exception {
        Probe.HOOKS.put("start", c -> always(c, Defect.EXCEPTION::happen));
        start();
        platform.await("quarantine", () -> health().quarantined());
        Probe.HOOKS.clear();
        Reloads reloads =
                platform.context.getService(platform.context.getServiceReference(Reloads.class));
        ReloadReport report = reloads.reload("probe", Reloads.Options.STANDARD);
        assertThat(report.outcome()).isEqualTo(ReloadReport.Outcome.COMMITTED);
        awaitGeneration(6);
        assertThat(platform.module(A).reason()).isEmpty();
        assertThat(health().failures()).isZero();
        assertThat(health().quarantined()).isFalse();
    }

    @Test
    void bindReleasesTooAndADeviceThatPausesIsNotSettled() throws Exception {
        CountDownLatch broken = new CountDownLatch(1);
        Probe.HOOKS.put(
                "init",
                _ -> {
                    if (broken.getCount() > 0) {
                        throw new IllegalStateException("not yet");
                    }
                    return null;
                });
        start();
        // All five attempts and the pauses between them.
        platform.settle();
        assertThat(health().quarantined()).isTrue();
        broken.countDown();
        platform.binder.bind(A, "probe");
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    // --- not restarted ---------------------------------------------------------------------------

    /// Comes back in the pause before the third generation.
    private void crashTwice() throws Exception {
        AtomicInteger starts = new AtomicInteger();
        Probe.HOOKS.put(
                "init",
                _ -> {
                    if (starts.incrementAndGet() <= 3) {
                        throw new IllegalStateException("not yet");
                    }
                    return null;
                });
        start();
        // After the third failure the pause is 400 ms.
        platform.await("a pause", () -> health().nextRestartMs() > 0 && starts.get() == 3);
        assertThat(platform.module(A).reason()).startsWith("not yet; restarted in ");
        assertThat(platform.binder.awaitSettled(helix.hal.api.Deadline.afterMillis(1)))
                .containsExactly(A);
    }

    @Test
    void unboundInThePause() throws Exception {
        crashTwice();
        platform.binder.unbind(A);
        platform.settle();
        assertThat(health().nextRestartMs()).isEqualTo(-1);
        assertThat(platform.module(A).reason()).isEqualTo("not yet");
        platform.binder.rebind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void unpluggedInThePause() throws Exception {
        FakeDevice device = FakeDevice.nvme(A);
        device.register(platform.context);
        AtomicInteger inits = new AtomicInteger();
        Probe.HOOKS.put(
                "init",
                _ -> {
                    if (inits.incrementAndGet() <= 3) {
                        throw new IllegalStateException("not yet");
                    }
                    return null;
                });
        platform.driver("1.0.0");
        platform.await("a pause", () -> inits.get() == 3 && health().nextRestartMs() > 0);
        device.unplug();
        assertThat(health().nextRestartMs()).isEqualTo(-1);
        platform.device(A);
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(health().failures()).isZero();
    }

    @Test
    void itsDriverStoppedInThePause() throws Exception {
        crashTwice();
        Bundle driver =
                Arrays.stream(platform.context.getBundles())
                        .filter(b -> "test.driver".equals(b.getSymbolicName()))
                        .findFirst()
                        .orElseThrow();
        driver.stop();
        platform.await("the end of the pause", () -> health().nextRestartMs() == -1);
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        driver.start();
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void anUnconfirmedResetIsTriedAgainByTheNextGrant() throws Exception {
        start();
        platform.settle();
        platform.leases.confirms = false;
        faults().handlerFailed(lease(), 0, new IllegalStateException("bad"));
        platform.await("a failed grant", () -> health().failures() >= 2);
        platform.leases.confirms = true;
        platform.await(A, State.RUNNING);
        assertThat(health().failures()).isGreaterThanOrEqualTo(2);
    }

    @Test
    void theEndOfThePlatformInAPause() throws Exception {
        crashTwice();
        platform.framework.stop();
        assertThat(platform.framework.waitForStop(20_000).getType())
                .isEqualTo(org.osgi.framework.FrameworkEvent.STOPPED);
        assertThat(platform.leases.leases()).isEmpty();
    }

    @Test
    void theFirstRestartIsWithinTwoHundredMilliseconds() throws Exception {
        start();
        platform.settle();
        long best = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) { // of a busy machine's times the best says what it can
            long begin = System.nanoTime();
            faults().handlerFailed(lease(), 0, new IllegalStateException("bad"));
            awaitGeneration(2L * i + 2);
            best = Math.min(best, System.nanoTime() - begin);
            platform.binder.rebind(A);
        }
        assertThat(best).isLessThan(TimeUnit.MILLISECONDS.toNanos(200));
    }

    private InterruptFaultListener faults() {
        return platform.context.getService(
                platform.context.getServiceReference(InterruptFaultListener.class));
    }

    private Lease lease() {
        return platform.leases.leases().getFirst();
    }

    private int gadgets() throws Exception {
        ServiceReference<?>[] all =
                platform.context.getAllServiceReferences(Gadget.class.getName(), null);
        return all == null ? 0 : all.length;
    }
}
