package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// What else happens while a driver is replaced.
class ReloadMeanwhileTest extends ReloadFixture {
    @Test
    void aDeviceThatGoesInThePauseIsNobodysFault() throws Exception {
        FakeDevice a = platform.device(A);
        platform.device(B);
        platform.driver("1.0.0");
        platform.settle();
        Probe.HOOKS.put(
                A + " restoreState",
                _ -> {
                    a.present = false;
                    Thread.ofPlatform().start(a.registration::unregister);
                    throw new ModuleError("reads all ones");
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(report.devices())
                .extracting(d -> d.device() + " " + d.why())
                .containsExactly(A + " the device is gone", B + " ");
        platform.await("its end", () -> platform.binder.module(A).isEmpty());
        assertThat(platform.module(B).version()).isEqualTo("2.0.0");
        assertThat(revisions()).containsExactly("2.0.0");
    }

    @Test
    void whatIsToBeTakenOverIsGivenBackWhenTheDeviceGoes() throws Exception {
        FakeDevice a = platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        // Its registers tell before the registry does.
        Probe.HOOKS.put(
                A + " init",
                _ -> {
                    a.present = false;
                    throw new ModuleError("reads all ones");
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("the device is gone");
        assertThat(platform.leases.leases()).isEmpty();
        a.registration.unregister();
        platform.device(A);
        platform.settle();
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");
    }

    @Test
    void unbindInThePauseHasTheLastWord() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                A + " restoreState",
                _ -> {
                    Thread.ofPlatform().start(() -> platform.binder.unbind(A));
                    return null;
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        platform.await(A, State.STOPPED);
        assertThat(report.devices()).hasSize(1);
        assertThat(platform.leases.leases()).isEmpty();
    }

    private static boolean isWaiting(String where) {
        return Thread.getAllStackTraces().keySet().stream().anyMatch(t -> isIn(t, where));
    }

    /// Whether this very thread waits there: another may, of a test before.
    private static boolean isIn(Thread thread, String where) {
        List<String> methods =
                Arrays.stream(thread.getStackTrace()).map(f -> f.getMethodName()).toList();
        return methods.contains("awaitNanos") && methods.contains(where);
    }

    @Test
    void aModuleThatIsBeingUnboundIsNotWaitedFor() throws Exception {
        serve(A);
        CountDownLatch stopping = new CountDownLatch(1);
        Probe.HOOKS.put(
                A + " stop",
                _ -> {
                    stopping.countDown();
                    platform.await("the question after its state", () -> isWaiting("surrender"));
                    return null;
                });
        disks.hooks.put(
                "park",
                () -> {
                    Thread.ofPlatform().start(() -> platform.binder.unbind(A));
                    platform.await("its stop", () -> stopping.getCount() == 0);
                });
        long began = System.nanoTime();
        ReloadReport report = update("2.0.0", Options.STANDARD);
        assertThat(System.nanoTime() - began).isLessThan(Duration.ofSeconds(5).toNanos());
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("it was unbound meanwhile");
        platform.await(A, State.STOPPED);
        assertThat(platform.leases.leases()).isEmpty();
        assertThat(revisions()).containsExactly("2.0.0");
        assertThat(Probe.LOG).noneMatch(l -> l.endsWith("init"));
    }

    /// Does something with the device while the next generation takes it over.
    private ReloadReport updateWhile(Runnable deed) throws Exception {
        serve(A);
        Probe.HOOKS.put(
                A + " restoreState",
                _ -> {
                    Probe.HOOKS.remove(A + " restoreState");
                    Thread thread = Thread.ofPlatform().start(deed);
                    platform.await("the deed", () -> isIn(thread, "awaitFree"));
                    return null;
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        return report;
    }

    @Test
    void unbindDuringATakeOverIsNobodysFault() throws Exception {
        ReloadReport report = updateWhile(() -> platform.binder.unbind(A));
        assertThat(device(report).why()).isEqualTo("it was unbound meanwhile");
        platform.await(A, State.STOPPED);
        assertThat(platform.leases.leases()).isEmpty();
        assertThat(revisions()).containsExactly("2.0.0");
    }

    @Test
    void rebindDuringATakeOverIsNobodysFault() throws Exception {
        ReloadReport report = updateWhile(() -> platform.binder.rebind(A));
        // Where the binder is faster than the reload, the next generation is one of the old
        // revision
        // and has its own turn.
        boolean isTwice = device(report).generation() == 4;
        assertThat(device(report).why()).isEqualTo(isTwice ? "" : "it was stopped meanwhile");
        platform.await(A, State.RUNNING);
        serves("2.0.0", isTwice ? 4 : 3);
    }

    @Test
    void eightUpdatesAtOnceFollowEachOther() throws Exception {
        serve(A);
        List<Path> jars = List.of(jar("1.0.0"), jar("2.0.0"));
        List<Thread> threads =
                java.util.stream.IntStream.range(0, 8)
                        .mapToObj(i ->
                                Thread.ofPlatform()
                                        .start(() ->
                                                reloads.update(
                                                        "probe",
                                                        jars.get(i % 2),
                                                        Options.STANDARD)))
                        .toList();
        for (Thread thread : threads) {
            assertThat(thread.join(Duration.ofSeconds(30))).isTrue();
        }
        assertThat(reloads.reports())
                .hasSize(8)
                .allSatisfy(this::notFailed)
                .allSatisfy(r -> assertThat(device(r).why()).isEmpty());
        serves(reloads.reports().getLast().to(), 9);
        assertThat(
                        reloads.reports().stream()
                                .map(r -> device(r).generation())
                                .collect(Collectors.toSet()))
                .hasSize(8);
    }

    @Test
    void theFormerRateIsFoundAgain() throws Exception {
        serve(A);
        Thread load =
                Thread.ofPlatform()
                        .daemon(true)
                        .start(() -> {
                            while (!Thread.currentThread().isInterrupted()) {
                                disks.completions.incrementAndGet();
                                java.util.concurrent.locks.LockSupport.parkNanos(50_000);
                            }
                        });
        try {
            long seen = disks.completions.get();
            platform.await("load", () -> disks.completions.get() > seen + 500);
            notFailed(update("2.0.0", Options.STANDARD));
            platform.await(
                    "its recovery", () -> device(reloads.reports().getFirst()).recoveryMs() > 0);
            assertThat(device(reloads.reports().getFirst()).recoveryMs()).isLessThan(9_000);
        } finally {
            load.interrupt();
        }
    }

    @Test
    void whatIsBehindADeviceGoesAndComesWithIt() throws Exception {
        String child = "0000:01:00.0";
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    FakeDevice behind = FakeDevice.nvme(child);
                    Map<String, Object> properties = new java.util.HashMap<>();
                    behind.properties().forEach(properties::put);
                    c.publish(helix.hal.api.Device.class, behind, properties);
                    return null;
                });
        serve(A);
        platform.await(child, State.RUNNING);
        Probe.LOG.clear();
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        platform.await(child, State.RUNNING);
        assertThat(report.devices().getFirst().why()).isEqualTo("devices are behind it");
        assertThat(Probe.LOG).containsSubsequence(child + " stop", A + " stop", A + " start");
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");
        assertThat(platform.module(child).version()).isEqualTo("2.0.0");
        assertThat(revisions()).containsExactly("2.0.0");
    }

    @Test
    void aDeviceThatComesMeanwhileGetsTheNewRevision() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                A + " restoreState",
                _ -> {
                    platform.device(B);
                    return null;
                });
        notFailed(update("2.0.0", Options.STANDARD));
        platform.await(B, State.RUNNING);
        assertThat(platform.module(B).version()).isEqualTo("2.0.0");
        serves("2.0.0", 2);
    }

    @Test
    void manyHandsAtOnceEndInOrder() throws Exception {
        serve(A, B);
        List<Path> jars = List.of(jar("1.0.0"), jar("2.0.0"));
        java.util.Queue<String> wrong = new java.util.concurrent.ConcurrentLinkedQueue<>();
        List<Thread> threads = new java.util.ArrayList<>();
        for (int t = 0; t < 4; t++) {
            java.util.Random random = new java.util.Random(t);
            threads.add(
                    Thread.ofPlatform()
                            .start(() -> {
                                for (int i = 0; i < 40; i++) {
                                    try {
                                        anything(random, jars);
                                    } catch (ModuleError e) {
                                        continue; // somebody else was faster, and it says so
                                    } catch (Throwable e) {
                                        wrong.add(e.toString());
                                    }
                                }
                            }));
        }
        for (Thread thread : threads) {
            assertThat(thread.join(Duration.ofSeconds(60))).isTrue();
        }
        assertThat(wrong).isEmpty();
        platform.binder.rebind(A);
        platform.binder.rebind(B);
        notFailed(update("2.0.0", COLD));
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");
        assertThat(platform.module(B).version()).isEqualTo("2.0.0");
        assertThat(platform.leases.leases()).hasSize(2);
        assertThat(gadgets()).isEqualTo(2);
        assertThat(revisions()).containsExactly("2.0.0");
    }

    private void anything(java.util.Random random, List<Path> jars) {
        String device = random.nextBoolean() ? A : B;
        switch (random.nextInt(6)) {
            case 0 -> platform.binder.bind(device, "probe");
            case 1 -> platform.binder.unbind(device);
            case 2 -> platform.binder.rebind(device);
            case 3 -> platform.binder.request(device, new helix.modules.api.Request("x", Map.of()));
            default -> {
                Options options = random.nextBoolean() ? COLD : Options.STANDARD;
                var report = reloads.update("probe", jars.get(random.nextInt(2)), options);
                // Who takes a device away is not waited for, and that is no revision's failure.
                if (report.outcome() != Outcome.COMMITTED || report.totalMs() > 5_000) {
                    throw new IllegalStateException(report.toString());
                }
            }
        }
    }

    @Test
    void otherDriversDevicesAreLeftAlone() throws Exception {
        serve(A);
        FakeDevice other = new FakeDevice(B, 0x9999, 1, 0x020000).register(platform.context);
        notFailed(update("2.0.0", COLD));
        assertThat(disks.log).noneMatch(l -> l.startsWith(B));
        assertThat(other.present).isTrue();
        assertThat(
                        platform.binder.modules().stream()
                                .map(m -> m.deviceId())
                                .sorted(Comparator.naturalOrder()))
                .containsExactly(A);
    }
}
