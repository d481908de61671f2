package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.Idle;
import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Hand-overs of which a step ends when nobody waits for it any more.
class LateHandOverTest extends ReloadFixture {
    private static final Duration SHORT = Duration.ofMillis(800);

    private static boolean isStopping() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(t -> t.getKey().getName().equals("helix-reload-probe"))
                .map(Map.Entry::getValue)
                .flatMap(Arrays::stream)
                .anyMatch(f ->
                        f.getClassName().equals(ModuleRun.class.getName())
                                && f.getMethodName().equals("stop"));
    }

    /// Has the state saved only when the run is being stopped already.
    private void savesLate(Runnable before) {
        Probe.HOOKS.put(
                "saveState@1.0.0",
                _ -> {
                    before.run();
                    platform.await("the stop", LateHandOverTest::isStopping);
                    return null;
                });
    }

    @Test
    void aDeviceThatIsSurrenderedTooLateIsReset() throws Exception {
        serve(A);
        savesLate(() -> {});
        ReloadReport report = update("2.0.0", new Options(false, false, SHORT));
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("it did not give up its device in time");
        serves("2.0.0", 2);
    }

    @Test
    void aDeviceThatIsUnboundAndSurrenderedTooLateIsFree() throws Exception {
        serve(A);
        savesLate(() -> Thread.ofPlatform().start(() -> platform.binder.unbind(A)));
        ReloadReport report = update("2.0.0", new Options(false, false, SHORT));
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("it was unbound meanwhile");
        assertThat(platform.leases.leases()).isEmpty();
        platform.binder.rebind(A);
        serves("2.0.0", 2);
    }

    @Test
    void whatIsNotDrainedInTimeLeavesTimeForTheReset() throws Exception {
        serve(A);
        disks.drains = false;
        ReloadReport report = update("2.0.0", new Options(false, true, SHORT));
        notFailed(report);
        assertThat(device(report).why()).isEqualTo("not drained in time");
        assertThat(Probe.LOG).containsSubsequence(A + " stop", A + " init");
        serves("2.0.0", 2);
    }

    @Test
    void aDeviceWhoseWayBackFailsIsFree() throws Exception {
        serve(A);
        for (String step : new String[] {"init@2.0.0", "construct@1.0.0"}) {
            Probe.HOOKS.put(
                    step,
                    _ -> {
                        throw new ModuleError("broken");
                    });
        }
        ReloadReport report = update("2.0.0", Options.STANDARD);
        assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
        // It is tried again, which takes a lease for a moment.
        platform.await("its lease's end", () -> platform.leases.leases().isEmpty());
        Probe.HOOKS.clear();
        platform.binder.rebind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void aDeviceIsNotHeldByAnInstanceThatDoesNotGo() throws Exception {
        serve(A);
        Probe.HOOKS.put(
                "dispose@1.0.0",
                _ -> {
                    Probe.hang();
                    return null;
                });
        Path jar = jar("2.0.0");
        Thread update =
                Thread.ofPlatform().start(() -> reloads.update("probe", jar, Options.STANDARD));
        platform.await("its release", () -> disks.log.contains(A + " close"));
        platform.binder.unbind(A);
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");
        assertThat(platform.leases.leases()).isEmpty();
        Probe.release();
        assertThat(update.join(Duration.ofSeconds(20))).isTrue();
        assertThat(reloads.reports()).singleElement().satisfies(this::notFailed);
    }

    @Test
    void aCrashBeforeTheCommitGoesBackToo() throws Exception {
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
        // A has passed over and is free when the clients of B are held back.
        disks.hooks.put(
                "begin",
                () -> {
                    if (platform.module(A).version().equals("2.0.0")) {
                        disks.hooks.remove("begin");
                        Probe.HOOKS.put("crash", _ -> null);
                        // FAILED for a moment, or bound to the old revision by now.
                        platform.await(
                                "the crash",
                                () ->
                                        platform.module(A).state() == State.FAILED
                                                || platform.module(A).generation() > 2);
                        Probe.HOOKS.remove("crash");
                    }
                });
        notFailed(update("2.0.0", Options.STANDARD));
        platform.await("the way back", () -> reloads.reports().size() == 2);
        ReloadReport report = reloads.reports().getLast();
        assertThat(report.outcome()).isEqualTo(Outcome.ROLLED_BACK);
        assertThat(report.reason()).contains("ring is broken");
        platform.await(A, State.RUNNING);
        assertThat(platform.module(A).version()).isEqualTo("1.0.0");
        assertThat(platform.module(B).version()).isEqualTo("1.0.0");
    }
}
