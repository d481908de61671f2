package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.InterruptFaultListener;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.modules.api.Idle;
import helix.modules.api.Module.Step;
import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.ServiceReference;

class LifeCycleTest {
    private static final String A = "0000:00:04.0";
    private static final String B = "0000:00:05.0";

    @TempDir Path folder;
    private TestPlatform platform;

    @BeforeEach
    void boot() throws Exception {
        // What fails stays so here; see HealingTest.
        platform = new TestPlatform(folder, Map.of("helix.heal", "off"));
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    @Test
    void aDeviceAndItsDriverBecomeAModule() throws Exception {
        platform.device(A);
        platform.driver("1.2.0");
        platform.settle();

        ModuleStatus module = platform.module(A);
        assertThat(module)
                .isEqualTo(
                        new ModuleStatus(
                                "pr0",
                                A,
                                "probe",
                                "1.2.0",
                                1,
                                State.RUNNING,
                                "",
                                module.services()));
        assertThat(module.services()).containsExactly("Gadget g0");
        assertThat(Probe.LOG).containsExactly(A + " construct", A + " init", A + " start");

        ServiceReference<Gadget> gadget = platform.context.getServiceReference(Gadget.class);
        assertThat(platform.context.getService(gadget).hello()).isEqualTo("hello of pr0");
        assertThat(gadget.getProperty("device.id")).isEqualTo(A);
        assertThat(gadget.getProperty("driver.name")).isEqualTo("probe");
        assertThat(gadget.getProperty("module.name")).isEqualTo("pr0");
        assertThat(gadget.getProperty("module.generation")).isEqualTo(1L);

        assertThat(platform.binder.drivers())
                .singleElement()
                .satisfies(d -> {
                    assertThat(d.name()).isEqualTo("probe");
                    assertThat(d.description()).isEqualTo("Probes");
                    assertThat(d.match()).hasSize(2);
                    assertThat(d.devices()).containsExactly(A);
                });
    }

    @Test
    void unitsFollowAddressesWhateverTheOrderOfAppearance() throws Exception {
        platform.device("0000:00:09.0");
        platform.device(B);
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.module("pr0").deviceId()).isEqualTo(A);
        assertThat(platform.module("pr1").deviceId()).isEqualTo(B);
        assertThat(platform.module("pr2").deviceId()).isEqualTo("0000:00:09.0");
    }

    @Test
    void failingInitIsOneLineOfReasonAndTheDeviceIsGivenBack() throws Exception {
        Probe.HOOKS.put(
                "init",
                _ -> {
                    throw new ModuleError("no CSTS.RDY = 1 after 1 s\nsecond line");
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason()).isEqualTo("no CSTS.RDY = 1 after 1 s");
        assertThat(platform.leases.leases()).isEmpty();
        assertThat(Probe.LOG).doesNotContain(A + " start", A + " stop");

        Probe.HOOKS.clear();
        platform.binder.rebind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(platform.module(A).generation()).isEqualTo(2);
    }

    @Test
    void aFailedStartWithdrawsWhatItPublished() throws Exception {
        Probe.HOOKS.put(
                "start",
                _ -> {
                    throw new IllegalStateException("cannot");
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.module(A).reason()).isEqualTo("cannot");
        assertThat(platform.context.getServiceReference(Gadget.class)).isNull();
    }

    @Test
    void aFailedConstructorIsAFailedModule() throws Exception {
        Probe.HOOKS.put(
                "construct",
                _ -> {
                    throw new IllegalStateException("cannot");
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason()).contains("the constructor of driver probe failed");
    }

    @Test
    void hangingInitBecomesAZombieWhileOthersServe() throws Exception {
        Probe.LIMITS.put(Step.INIT, Duration.ofMillis(300));
        Probe.HOOKS.put(
                A + " init",
                _ -> {
                    Probe.hang();
                    return null;
                });
        platform.device(A);
        platform.device(B);
        platform.driver("1.0.0");
        platform.await(B, State.RUNNING);
        platform.await(A, State.ZOMBIE);
        assertThat(platform.module(A).reason()).startsWith("init hangs, for more than 300 ms, in ");
        assertThat(platform.module(A).reason()).contains("Probe.hang");
        assertThat(
                        platform.leases.holder(
                                platform.binder.modules().isEmpty() ? null : FakeDevice.nvme(A)))
                .isEmpty();
        Probe.release();
        platform.await(A, State.FAILED);
        assertThat(platform.module(A).reason()).endsWith("it has returned since");
    }

    @Test
    void aStuckAgentFailsItsModuleAlone() throws Exception {
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    c.agent(
                            "timeouts",
                            () -> {
                                Probe.hang();
                                return 0;
                            },
                            Idle.every(Duration.ofMillis(10)));
                    return null;
                });
        platform.device(A);
        platform.device(B);
        platform.driver("1.0.0");
        platform.await(A, State.ZOMBIE);
        assertThat(platform.module(A).reason()).startsWith("agent timeouts stuck in helix.modules");
        assertThat(platform.module(B).state()).isEqualTo(State.RUNNING);
        platform.await("its interruption", () -> Probe.LOG.contains("interrupted"));
        // It might wait for what the agent holds.
        assertThat(Probe.LOG).doesNotContain(A + " stop");
        platform.await("a zombie", () -> platform.binder.health().getFirst().zombies() == 1);
        Probe.release();
        platform.await(A, State.FAILED);
        platform.await("no zombie", () -> platform.binder.health().getFirst().zombies() == 0);
        assertThat(platform.module(A).reason()).endsWith("it has returned since");
    }

    @Test
    void anAgentThatWaitsForTheMachineIsNotStuckBeforeTheAccessIs() throws Exception {
        AtomicInteger rounds = new AtomicInteger();
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    MmioRegion slow =
                            MmioRegion.ofAccess(
                                    "slow", c.lease(), SlowMachine.answersAfter(1_150), 0, 64);
                    c.agent(
                            "watch",
                            () -> {
                                if (rounds.getAndIncrement() == 0) {
                                    int _ = slow.read32(0);
                                }
                                return 0;
                            },
                            Idle.every(Duration.ofMillis(10)));
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        platform.await("the round after the slow one", () -> rounds.get() > 1);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void anAgentThatLoopsInsideTheHalIsStuckAllTheSame() throws Exception {
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    MmioRegion slow =
                            MmioRegion.ofAccess(
                                    "slow", c.lease(), SlowMachine.neverAnswers(), 0, 64);
                    c.agent("watch", () -> slow.read32(0), Idle.every(Duration.ofMillis(10)));
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.await(A, State.ZOMBIE);
        assertThat(platform.module(A).reason()).contains("agent watch stuck in ");
    }

    @Test
    void anAgentThatThrowsFailsItsModule() throws Exception {
        Probe.HOOKS.put(
                "start",
                c -> {
                    c.agent(
                            "rx",
                            () -> {
                                throw new IllegalStateException("ring is broken");
                            },
                            Idle.every(Duration.ofMillis(10)));
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.await(A, State.FAILED);
        assertThat(platform.module(A).reason()).isEqualTo("agent rx: ring is broken");
    }

    @Test
    void agentsWorkOnceStartedPauseAndWakeUp() throws Exception {
        AtomicInteger rounds = new AtomicInteger();
        AtomicInteger atStart = new AtomicInteger(-1);
        var handle =
                new java.util.concurrent.CompletableFuture<
                        helix.modules.api.ModuleContext.AgentHandle>();
        Probe.HOOKS.put(
                "start",
                c -> {
                    handle.complete(
                            c.agent(
                                    "slow",
                                    () -> rounds.incrementAndGet() * 0,
                                    Idle.every(Duration.ofSeconds(60))));
                    atStart.set(rounds.get());
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.await("a first round", () -> rounds.get() == 1);
        assertThat(atStart).hasValue(0);
        handle.get().wakeUp();
        platform.await("a second round", () -> rounds.get() == 2);
        handle.get().close();
        handle.get().wakeUp();
        assertThat(rounds).hasValue(2);
        assertThat(threads("pr0-slow")).isZero();
    }

    @Test
    void anUnpluggedDeviceStopsItsModuleBeforeItsServiceIsGone() throws Exception {
        FakeDevice device = platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        Probe.LOG.clear();
        device.unplug();
        assertThat(Probe.LOG).containsExactly(A + " DeviceRemoved", A + " stop");
        assertThat(platform.context.getServiceReference(Gadget.class)).isNull();
        assertThat(platform.leases.leases()).isEmpty();
        assertThat(threads("pr0")).isZero();
        assertIsForgotten(A);

        platform.device(A);
        platform.settle();
        assertThat(platform.module("pr0").generation()).isEqualTo(2);
    }

    @Test
    void aFailedModuleIsNotListedAnyMoreOnceItsDeviceIsGone() throws Exception {
        Probe.HOOKS.put(
                A + " start",
                _ -> {
                    throw new ModuleError("no");
                });
        FakeDevice device = platform.device(A);
        platform.driver("1.0.0");
        platform.await(A, State.FAILED);
        device.unplug();
        assertIsForgotten(A);
    }

    private void assertIsForgotten(String device) {
        assertThat(platform.binder.modules()).isEmpty();
        assertThat(platform.binder.health()).isEmpty();
        assertThatThrownBy(() -> platform.binder.why(device))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no device '" + device + "'");
    }

    @Test
    void aStoppedDriverBundleStopsItsModulesAndComesBack() throws Exception {
        platform.device(A);
        Bundle driver = platform.driver("1.0.0");
        platform.settle();
        driver.stop();
        assertThat(Probe.LOG).endsWith(A + " stop");
        assertThat(platform.module(A).state()).isEqualTo(State.STOPPED);
        assertThat(platform.binder.drivers()).isEmpty();
        driver.start();
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(platform.module(A).generation()).isEqualTo(2);
    }

    @Test
    void aDriverStoppedDuringInitIsStoppedAndNotFailed() throws Exception {
        CountDownLatch inInit = new CountDownLatch(1);
        CountDownLatch stopping = new CountDownLatch(1);
        Probe.HOOKS.put(
                "init",
                _ -> {
                    inInit.countDown();
                    stopping.await();
                    throw new ModuleError("the registers are gone");
                });
        platform.device(A);
        Bundle driver = platform.driver("1.0.0");
        inInit.await();
        Thread stopper = Thread.ofPlatform().start(() -> stop(driver));
        platform.await(
                "somebody who waits for its end",
                () ->
                        stopper.getState() == Thread.State.TIMED_WAITING
                                && Arrays.stream(stopper.getStackTrace())
                                        .anyMatch(f -> f.getClassName().endsWith(".ModuleRun")));
        stopping.countDown();
        assertThat(stopper.join(Duration.ofSeconds(10))).isTrue();
        assertThat(platform.module(A).state()).isEqualTo(State.STOPPED);
        assertThat(platform.leases.leases()).isEmpty();
    }

    @Test
    void anUpdatedDriverBundleGetsANewGeneration() throws Exception {
        platform.device(A);
        Bundle driver = platform.driver("1.0.0");
        platform.settle();
        driver.update(
                new java.io.ByteArrayInputStream(TestPlatform.bundle("driver", "2.0.0", Map.of())));
        platform.settle();
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");
        assertThat(platform.module(A).generation()).isEqualTo(2);
    }

    @Test
    void modulesStopBeforeTheHalGoesAndComeBackWithIt() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        platform.hal.unregister();
        assertThat(Probe.LOG).endsWith(A + " stop");
        assertThat(platform.leases.leases()).isEmpty();
        platform.context.registerService(
                helix.hal.api.lease.LeaseService.class, platform.leases, null);
        platform.settle();
        assertThat(platform.module(A).generation()).isEqualTo(2);
    }

    @Test
    void aStopThatHangsIsGivenUp() throws Exception {
        Probe.LIMITS.put(Step.STOP, Duration.ofMillis(200));
        Probe.HOOKS.put(
                "stop",
                _ -> {
                    Probe.hang();
                    return null;
                });
        platform.device(A);
        Bundle driver = platform.driver("1.0.0");
        platform.settle();
        driver.stop();
        assertThat(platform.module(A).state()).isEqualTo(State.ZOMBIE);
        assertThat(platform.module(A).reason()).startsWith("stop hangs");
        assertThat(platform.leases.leases()).isEmpty();
    }

    @Test
    void anUnconfirmedResetIsAFailure() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        platform.leases.confirms = false;
        platform.binder.unbind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason())
                .startsWith("the device did not confirm its reset: no answer");
    }

    @Test
    void aModuleCanSayThatItFailed() throws Exception {
        Probe.HOOKS.put(
                "request break",
                _ -> {
                    throw new ModuleError("no such log page");
                });
        Probe.HOOKS.put(
                "start",
                c -> {
                    Probe.HOOKS.put(
                            "request die",
                            _ -> {
                                c.fail("CSTS.CFS is set", new IllegalStateException());
                                return "dying";
                            });
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.binder.request("pr0", new Request("x", Map.of("a", 1))))
                .isEqualTo(Map.of("echo", Map.of("a", 1)));
        assertThatThrownBy(() -> platform.binder.request(A, new Request("break", Map.of())))
                .isInstanceOf(ModuleError.class)
                .hasMessage("no such log page");
        platform.binder.request(A, new Request("die", Map.of()));
        platform.await(A, State.FAILED);
        assertThat(platform.module(A).reason()).isEqualTo("CSTS.CFS is set");
        assertThat(Probe.LOG).endsWith(A + " stop");
        assertThatThrownBy(() -> platform.binder.request(A, new Request("x", Map.of())))
                .isInstanceOf(ModuleError.class)
                .hasMessage("pr0 is FAILED: CSTS.CFS is set");
    }

    @Test
    void aFaultOfAnInterruptHandlerIsItsModules() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        InterruptFaultListener faults =
                platform.context.getService(
                        platform.context.getServiceReference(InterruptFaultListener.class));
        Lease lease = platform.leases.leases().getFirst();
        faults.handlerFailed(lease, 3, new IllegalStateException("phase bit is wrong"));
        platform.await(A, State.FAILED);
        assertThat(platform.module(A).reason()).isEqualTo("interrupt 3: phase bit is wrong");
        platform.binder.rebind(A);
        faults.handlerStuck(lease, 3, Duration.ofSeconds(1));
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void modulesAreToldOfTheEndOfThePlatform() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        Probe.LOG.clear();
        platform.framework.stop();
        platform.framework.waitForStop(20_000);
        assertThat(Probe.LOG).containsExactly(A + " Shutdown", A + " stop");
    }

    @Test
    void healthIsShown() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        Probe.HOOKS.put("unwell", _ -> null);
        platform.await("its complaint", () -> platform.module(A).reason().equals("feels unwell"));
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    private static void stop(Bundle bundle) {
        try {
            bundle.stop();
        } catch (BundleException e) {
            throw new IllegalStateException(e);
        }
    }

    private static long threads(String part) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.isAlive() && t.getName().contains(part))
                .count();
    }
}
