package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.modules.api.Idle;
import helix.modules.api.Module.Step;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.ModuleState.Schema;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.DeviceReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class ReloadTest extends ReloadFixture {
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
    void clientsThatCannotGoOnGetTheDeviceBackCold() throws Exception {
        serve(A);
        AtomicBoolean first = new AtomicBoolean(true);
        disks.hooks.put(
                "resume",
                () -> {
                    if (first.getAndSet(false)) {
                        throw new ModuleError("nvme0n1: the driver hangs");
                    }
                });
        ReloadReport report = update("2.0.0", Options.STANDARD);
        rolledBack(report, "resume", "nvme0n1: the driver hangs");
        serves("1.0.0", 3);
        assertThat(disks.log).endsWith(A + " resume", A + " park", A + " resume", A + " close");
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
}
