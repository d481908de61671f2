package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.modules.api.Idle;
import helix.modules.api.Module.Step;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.ModuleState.Schema;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadParticipant;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReloadTest {
    private static final String A = "0000:00:04.0";
    private static final String B = "0000:00:05.0";
    private static final Options COLD = new Options(true, false, Duration.ofSeconds(5));
    private static final Options BRIEF = new Options(false, false, Duration.ofMillis(400));

    @TempDir Path folder;
    private TestPlatform platform;
    private Reloads reloads;
    private final FakeParticipant disks = new FakeParticipant();

    @BeforeEach
    void boot() throws Exception {
        platform = new TestPlatform(folder, Map.of("helix.instance", folder.toString()));
        platform.context.registerService(ReloadParticipant.class, disks, null);
        reloads = platform.context.getService(platform.context.getServiceReference(Reloads.class));
        Probe.SCHEMAS.put("1.0.0", new Schema("probe", 1, 1));
        Probe.SCHEMAS.put("2.0.0", new Schema("probe", 1, 1));
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    private Path jar(String version) throws Exception {
        Path jar = folder.resolve("probe-" + version + ".jar");
        Files.write(jar, TestPlatform.bundle("driver", version, Map.of()));
        return jar;
    }

    private void serve(String... devices) throws Exception {
        for (String device : devices) {
            platform.device(device);
        }
        platform.driver("1.0.0");
        platform.settle();
        Probe.LOG.clear();
    }

    private ReloadReport update(String version, Options options) throws Exception {
        return reloads.update("probe", jar(version), options);
    }

    private DeviceReport device(ReloadReport report) {
        assertThat(report.devices()).hasSize(1);
        return report.devices().getFirst();
    }

    private List<String> revisions() {
        return Arrays.stream(platform.context.getBundles())
                .filter(b -> "test.driver".equals(b.getSymbolicName()))
                .map(b -> b.getVersion().toString())
                .toList();
    }

    private void serves(String version, long generation) throws Exception {
        assertThat(platform.module(A).state())
                .as(platform.module(A).reason())
                .isEqualTo(State.RUNNING);
        assertThat(platform.module(A).version()).isEqualTo(version);
        assertThat(platform.module(A).name()).isEqualTo("pr0");
        assertThat(platform.module(A).generation()).isEqualTo(generation);
        assertThat(platform.leases.leases()).hasSize(platform.binder.modules().size());
        assertThat(revisions()).containsExactly(version);
        var gadgets = platform.context.getServiceReferences(Gadget.class, "(device.id=" + A + ")");
        assertThat(gadgets).singleElement();
        assertThat(gadgets.iterator().next().getProperty("module.generation"))
                .isEqualTo(generation);
    }

    private void notFailed(ReloadReport report) {
        assertThat(report.step() + report.reason()).isEmpty();
        assertThat(report.outcome()).isEqualTo(Outcome.COMMITTED);
    }

    // --- the good ways ---------------------------------------------------------------------------

    @Test
    void warmTheNewGenerationTakesOverWithoutAReset() throws Exception {
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        DeviceReport device = device(report);
        assertThat(device.why()).isEmpty();
        assertThat(device.warm()).isTrue();
        assertThat(device.generation()).isEqualTo(2);
        assertThat(device.pauseMs()).isPositive();
        assertThat(List.of(device.parked(), device.adopted(), device.replayed(), device.failed()))
                .containsExactly(1L, 2L, 3L, 4L);
        assertThat(report.otherBundlesTouched()).isZero();
        assertThat(report.from() + " " + report.to()).isEqualTo("1.0.0 2.0.0");
        serves("2.0.0", 2);
        assertThat(Probe.LOG)
                .containsExactly(
                        A + " construct",
                        A + " rehearse",
                        A + " construct",
                        A + " saveState",
                        A + " init",
                        A + " restoreState",
                        A + " state of 1.0.0 for 2.0.0",
                        A + " start");
        assertThat(disks.log)
                .containsExactly(
                        A + " begin", A + " park", A + " verify", A + " resume", A + " close");
        assertThat(platform.leases.releases).hasValue(0);
        assertThat(platform.leases.retired).hasValue(1);
    }

    @Test
    void theOldServicesGoAfterClientsWereResumed() throws Exception {
        serve(A);
        disks.hooks.put("resume", () -> Probe.LOG.add("gadgets " + gadgets()));
        notFailed(update("2.0.0", Options.STANDARD));
        assertThat(Probe.LOG).endsWith("gadgets 2");
        assertThat(gadgets()).isEqualTo(1);
    }

    private int gadgets() {
        try {
            return platform.context.getServiceReferences(Gadget.class, null).size();
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void coldWhereItIsAskedFor() throws Exception {
        serve(A);
        ReloadReport report = update("2.0.0", COLD);
        notFailed(report);
        assertThat(device(report).warm()).isFalse();
        assertThat(device(report).why()).isEqualTo("cold was asked for");
        assertThat(Probe.LOG).endsWith(A + " stop", A + " init", A + " start");
        assertThat(platform.leases.releases).hasValue(1);
        serves("2.0.0", 2);
    }

    @Test
    void coldAfterADrain() throws Exception {
        serve(A);
        ReloadReport report = update("2.0.0", new Options(false, true, Duration.ofSeconds(5)));
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("drained");
        assertThat(disks.log).startsWith(A + " begin", A + " park", A + " drain");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereTheStatesDoNotFit() throws Exception {
        Probe.SCHEMAS.put("2.0.0", new Schema("probe", 3, 2));
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why())
                .isEqualTo(
                        "the new revision takes over probe versions 2 to 3, here is probe version 1");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereClientsDoNotPark() throws Exception {
        disks.parks = false;
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).startsWith("clients were not out of the driver");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereNothingIsSaved() throws Exception {
        Probe.HOOKS.put("saveState", _ -> Optional.empty());
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("pr0 saved no state");
        assertThat(Probe.LOG).contains(A + " stop");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereTheStateIsCorrupt() throws Exception {
        Probe.HOOKS.put(
                "saveState", _ -> Optional.of(new ModuleState("probe", 1, new byte[] {1, 2}, 3)));
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why())
                .isEqualTo("the checksum of the state that pr0 saved is wrong");
        // A module that has given its state is over.
        assertThat(Probe.LOG).doesNotContain(A + " stop", A + " restoreState");
        assertThat(platform.leases.releases).hasValue(1);
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereTheLeaseCannotBePassedOn() throws Exception {
        platform.leases.passes = false;
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).startsWith("its lease was not passed on: a handler of");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereAnAgentDoesNotEnd() throws Exception {
        Probe.HOOKS.put(
                "start@1.0.0",
                c -> {
                    c.agent(
                            "rx",
                            () -> {
                                if (!disks.log.isEmpty()) {
                                    Probe.hang();
                                }
                                return 0;
                            },
                            Idle.every(Duration.ofMillis(1)));
                    return null;
                });
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).startsWith("agent rx stuck in");
        serves("2.0.0", 2);
    }

    @Test
    void anOlderStateIsMigrated() throws Exception {
        Probe.SCHEMAS.put("2.0.0", new Schema("probe", 2, 1));
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).warm()).isTrue();
        assertThat(Probe.LOG)
                .containsSubsequence(A + " init", A + " migrate 1", A + " restoreState");
        serves("2.0.0", 2);
    }

    @Test
    void coldWhereTheMigrationFails() throws Exception {
        Probe.SCHEMAS.put("2.0.0", new Schema("probe", 2, 1));
        Probe.HOOKS.put(
                "migrate 1",
                _ -> {
                    throw new ModuleError("too old");
                });
        serve(A);
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("migrate: too old");
        serves("2.0.0", 3);
    }

    @Test
    void reloadLoadsTheSameRevisionAfresh() throws Exception {
        serve(A);
        for (int generation = 2; generation <= 4; generation++) {
            ReloadReport report = reloads.reload("probe", Options.STANDARD);
            notFailed(report);
            assertThat(report.cause()).isEqualTo("reload");
            assertThat(device(report).warm()).isTrue();
            serves("1.0.0", generation);
        }
        assertThatThrownBy(() -> reloads.rollback("probe", Options.STANDARD))
                .isInstanceOf(ModuleError.class)
                .hasMessage("driver probe has no earlier revision");
    }

    @Test
    void rollbackGoesToTheRevisionBefore() throws Exception {
        serve(A);
        notFailed(update("2.0.0", Options.STANDARD));
        ReloadReport report = reloads.rollback("probe", Options.STANDARD);
        notFailed(report);
        assertThat(report.cause()).isEqualTo("rollback");
        serves("1.0.0", 3);
        notFailed(reloads.rollback("probe", Options.STANDARD));
        serves("2.0.0", 4);
        try (var files = Files.list(folder.resolve("revisions/test.driver"))) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "current.jar", "previous.jar", "revision.properties");
        }
        assertThat(reloads.reports()).extracting(ReloadReport::id).containsExactly(1L, 2L, 3L);
    }

    @Test
    void planTouchesNothing() throws Exception {
        serve(A);
        Reloads.Plan plan = reloads.plan("probe", jar("2.0.0"), Options.STANDARD);
        assertThat(plan)
                .isEqualTo(
                        new Reloads.Plan(
                                "probe",
                                "1.0.0",
                                "2.0.0",
                                List.of(
                                        new Reloads.PlannedDevice(
                                                A, "pr0", true, "", List.of("g0 open by a test"))),
                                List.of("test.driver 1.0.0", "test.driver 2.0.0"),
                                ""));
        assertThat(reloads.plan("probe", jar("2.0.0"), COLD).devices().getFirst().why())
                .isEqualTo("cold was asked for");
        assertThat(Probe.LOG).isEmpty();
        assertThat(folder.resolve("revisions")).doesNotExist();
        serves("1.0.0", 1);
    }

    // --- refused ---------------------------------------------------------------------------------

    private void refused(ReloadReport report, String reason) throws Exception {
        assertThat(report.reason()).contains(reason);
        assertThat(report.step()).isEqualTo("prepare");
        assertThat(report.outcome()).isEqualTo(Outcome.REFUSED);
        assertThat(disks.log).doesNotContain(A + " park");
        serves("1.0.0", 1);
    }

    @Test
    void aJarThatDoesNotResolveIsRefused() throws Exception {
        serve(A);
        Path jar = folder.resolve("newer.jar");
        Files.write(
                jar,
                TestPlatform.bundle(
                        "driver",
                        "3.0.0",
                        Map.of("Import-Package", "helix.modules.api;version=\"[2.0,3)\", *")));
        refused(reloads.update("probe", jar, COLD), "it needs helix.modules.api [2.0,3)");
        assertThat(reloads.plan("probe", jar, COLD).refusal()).contains("it needs");
    }

    @Test
    void aJarThatTheScannerFindsFaultWithIsRefused() throws Exception {
        serve(A);
        Path jar = folder.resolve("threads.jar");
        Files.write(jar, TestPlatform.bundle("refused", "2.0.0", Map.of()));
        refused(reloads.update("probe", jar, COLD), "THREADS");
    }

    @Test
    void aFailedRehearsalIsARefusal() throws Exception {
        Probe.HOOKS.put(
                "rehearse",
                _ -> {
                    throw new IllegalStateException("phase bit is wrong");
                });
        serve(A);
        refused(update("2.0.0", COLD), "rehearse: phase bit is wrong");
    }

    @Test
    void aHungRehearsalIsARefusal() throws Exception {
        Probe.HOOKS.put(
                "rehearse",
                _ -> {
                    Probe.hang();
                    return null;
                });
        serve(A);
        refused(update("2.0.0", COLD), "rehearse hangs, for more than 3 s");
    }

    @Test
    void aFailedConstructorIsARefusal() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                "construct@2.0.0",
                _ -> {
                    throw new IllegalStateException("no");
                });
        refused(update("2.0.0", COLD), "constructor");
    }

    @Test
    void whatNobodyKnowsIsSaid() throws Exception {
        serve(A);
        assertThatThrownBy(() -> reloads.reload("nope", Options.STANDARD))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no driver 'nope' (there are: probe)");
        assertThatThrownBy(
                        () -> reloads.update("probe", folder.resolve("no.jar"), Options.STANDARD))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("cannot read " + folder.resolve("no.jar"));
        Path text = folder.resolve("text.jar");
        Files.write(text, "hello".getBytes(StandardCharsets.UTF_8));
        refused(reloads.update("probe", text, COLD), "it is no jar");
    }

    // --- rolled back -----------------------------------------------------------------------------

    private void rolledBack(ReloadReport report, String step, String reason) {
        assertThat(report.reason()).contains(reason);
        assertThat(report.step()).isEqualTo(step);
        assertThat(report.outcome()).isEqualTo(Outcome.ROLLED_BACK);
        assertThat(disks.log).endsWith(A + " resume", A + " close");
    }

    private static void fails(String step) {
        Probe.HOOKS.put(
                step,
                _ -> {
                    throw new ModuleError("broken");
                });
    }

    @Test
    void aFailedInitGivesTheDeviceBackWarm() throws Exception {
        serve(A);
        fails("init@2.0.0");
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "hand over", "init: broken");
        assertThat(device(report).warm()).isTrue();
        assertThat(platform.leases.releases).hasValue(0);
        assertThat(platform.leases.retired).hasValue(2);
        assertThat(Probe.LOG).contains(A + " state of 1.0.0 for 1.0.0");
        serves("1.0.0", 3);
    }

    @Test
    void aFailedRestoreGivesTheDeviceBackWarm() throws Exception {
        serve(A);
        fails("restoreState@2.0.0");
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "hand over", "restoreState: broken");
        assertThat(device(report).warm()).isTrue();
        serves("1.0.0", 3);
    }

    @Test
    void aFailedStartGivesTheDeviceBackCold() throws Exception {
        serve(A);
        fails("start@2.0.0");
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "hand over", "start: broken");
        assertThat(device(report).warm()).isFalse();
        assertThat(platform.leases.releases).hasValue(1);
        serves("1.0.0", 3);
    }

    @Test
    void aFailedInitAfterAResetGivesTheDeviceBackCold() throws Exception {
        serve(A);
        fails("init@2.0.0");
        rolledBack(update("2.0.0", COLD), "hand over", "init: broken");
        serves("1.0.0", 3);
    }

    @Test
    void aFailedSelfTestGivesTheDeviceBackCold() throws Exception {
        serve(A);
        disks.hooks.put(
                "verify",
                () -> {
                    throw new ModuleError("block 7 reads otherwise than before");
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "verify", "block 7 reads otherwise than before");
        assertThat(Probe.LOG).endsWith(A + " stop", A + " construct", A + " init", A + " start");
        serves("1.0.0", 3);
    }

    @Test
    void aHungInitGivesTheDeviceBackCold() throws Exception {
        serve(A);
        Probe.LIMITS.put(Step.INIT, Duration.ofMillis(200));
        Probe.HOOKS.put(
                "init@2.0.0",
                _ -> {
                    Probe.hang();
                    return null;
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "hand over", "init hangs, for more than 200 ms");
        assertThat(device(report).pauseMs()).isLessThan(2_200);
        serves("1.0.0", 3);
    }

    @Test
    void aHandOverThatTakesTooLongIsBrokenOff() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                "init@2.0.0",
                _ -> {
                    Probe.hang();
                    return null;
                });
        ReloadReport report = update("2.0.0", BRIEF);
        rolledBack(report, "hand over", "no service within 400 ms");
        serves("1.0.0", 3);
    }

    @Test
    void aHungSaveStateIsFencedAndTheHandOverCold() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                "saveState@1.0.0",
                _ -> {
                    Probe.hang();
                    return null;
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).why()).startsWith("saveState hangs");
        serves("2.0.0", 2);
    }

    @Test
    void whereTheOldRevisionFailsTooTheReportSaysSo() throws Exception {
        serve(A);
        fails("start@2.0.0");
        fails("init@1.0.0");
        ReloadReport report = update("2.0.0", Options.STANDARD);
        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        assertThat(report.reason()).isEqualTo("start: broken");
        assertThat(device(report).why()).isEqualTo("the revision before fails too: init: broken");
        assertThat(disks.log).endsWith(A + " resume", A + " close");
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        Probe.HOOKS.clear();
        platform.binder.rebind(A);
        serves("1.0.0", 4);
    }

    @Test
    void allDevicesGoBackWhenOneFails() throws Exception {
        serve(A, B);
        fails(B + " start");
        ReloadReport report = update("2.0.0", Options.STANDARD);
        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        Probe.HOOKS.remove(B + " start");
        platform.binder.rebind(B);
        serves("1.0.0", 3);
        assertThat(platform.module(B).version()).isEqualTo("1.0.0");
        assertThat(report.devices()).extracting(DeviceReport::device).containsExactly(A, B);
    }

    @Test
    void aCrashOnProbationGoesBackAtOnce() throws Exception {
        Probe.HOOKS.put(
                "start@2.0.0",
                c -> {
                    Probe.HOOKS.put(
                            "request die",
                            _ -> {
                                c.fail("ring is broken", new IllegalStateException());
                                return "dying";
                            });
                    return null;
                });
        serve(A);
        notFailed(update("2.0.0", Options.STANDARD));
        platform.binder.request(A, new helix.modules.api.Request("die", Map.of()));
        long began = System.nanoTime();
        platform.await("the way back", () -> reloads.reports().size() == 2);
        assertThat(System.nanoTime() - began).isLessThan(Duration.ofSeconds(2).toNanos());
        ReloadReport report = reloads.reports().getLast();
        rolledBack(report, "probation", "pr0: ring is broken");
        assertThat(report.from() + " " + report.to()).isEqualTo("2.0.0 1.0.0");
        assertThat(device(report).warm()).isFalse();
        serves("1.0.0", 3);
        assertThatThrownBy(() -> reloads.rollback("probe", Options.STANDARD))
                .isInstanceOf(ModuleError.class);
    }

    @Test
    void severalCrashesOnProbationAreOneWayBack() throws Exception {
        serve(A, B);
        Probe.HOOKS.put(
                "start@2.0.0",
                c -> {
                    c.agent(
                            "rx",
                            () -> {
                                if (Probe.HOOKS.containsKey("crash")) {
                                    throw new IllegalStateException("ring is broken");
                                }
                                return 0;
                            },
                            Idle.every(Duration.ofMillis(1)));
                    return null;
                });
        notFailed(update("2.0.0", Options.STANDARD));
        Probe.HOOKS.put("crash", _ -> null);
        platform.await("the way back", () -> reloads.reports().size() == 2);
        platform.settle();
        serves("1.0.0", 3);
        assertThat(platform.module(B).state()).isEqualTo(State.RUNNING);
        assertThat(reloads.reports()).hasSize(2);
    }

    // --- others ----------------------------------------------------------------------------------

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
        // Whichever was noticed first, the registers or the registry.
        platform.await(
                "its end",
                () -> List.of(State.FAILED, State.STOPPED).contains(platform.module(A).state()));
        assertThat(platform.module(B).version()).isEqualTo("2.0.0");
        assertThat(revisions()).containsExactly("2.0.0");
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
        return Thread.getAllStackTraces().values().stream()
                .map(Arrays::asList)
                .filter(t -> t.stream().anyMatch(f -> f.getMethodName().equals("awaitNanos")))
                .anyMatch(t -> t.stream().anyMatch(f -> f.getMethodName().equals(where)));
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
                    Thread.ofPlatform().start(deed);
                    platform.await("the deed", () -> isWaiting("awaitFree"));
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
        assertThat(device(report).why()).isEqualTo("it was stopped meanwhile");
        platform.await(A, State.RUNNING);
        serves("2.0.0", 3);
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
                    c.publish(helix.hal.api.PciDevice.class, behind, properties);
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
                // Nothing hangs here: who takes a device away is not waited for.
                if (report.outcome() == Outcome.FAILED || report.totalMs() > 5_000) {
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
