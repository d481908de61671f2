package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/// A component's `@Deactivate` is a driver's code, too: where it hangs nothing else does, and its
/// thread is counted.
class HungDisposalTest extends ReloadFixture {
    private static void hangs(String step) {
        Probe.HOOKS.put(
                step,
                _ -> {
                    Probe.hang();
                    return null;
                });
    }

    private int zombies() {
        return platform.binder.health().stream()
                .filter(h -> h.deviceId().equals(A))
                .mapToInt(h -> h.zombies())
                .sum();
    }

    private void zombieUntilItReturns() {
        assertThat(zombies()).isEqualTo(1);
        assertThat(Probe.LOG).contains("interrupted");
        Probe.release();
        platform.await("no zombie", () -> zombies() == 0);
    }

    @Test
    void ofTheRehearsalIsARefusal() throws Exception {
        serve(A);
        hangs("dispose@2.0.0");
        long began = System.nanoTime();
        ReloadReport report = update("2.0.0", Options.STANDARD);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(15));
        assertThat(report.reason())
                .startsWith("@Deactivate hangs, for more than 2 s, in helix.modules.probe.Probe");
        assertThat(report.outcome()).isEqualTo(Outcome.REFUSED);
        assertThat(disks.log).isEmpty();
        serves("1.0.0", 1);
        zombieUntilItReturns();
        Probe.HOOKS.clear();
        notFailed(update("2.0.0", Options.STANDARD));
    }

    @Test
    void ofTheOldGenerationIsItsOwnAffair() throws Exception {
        serve(A);
        hangs("dispose@1.0.0");
        notFailed(update("2.0.0", Options.STANDARD));
        serves("2.0.0", 2);
        zombieUntilItReturns();
    }

    @Test
    void whatHangsInAGenerationThatWasReplacedCountsToo() throws Exception {
        serve(A);
        hangs("saveState@1.0.0");
        notFailed(update("2.0.0", Options.STANDARD));
        serves("2.0.0", 2);
        zombieUntilItReturns();
    }

    @Test
    void atTheEndOfARunIsGivenUp() throws Exception {
        serve(A);
        hangs("dispose@1.0.0");
        platform.binder.unbind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.ZOMBIE);
        assertThat(platform.leases.leases()).isEmpty();
        Probe.HOOKS.clear();
        platform.binder.rebind(A);
        serves("1.0.0", 2);
        zombieUntilItReturns();
    }

    @Test
    void afterAFailedBringUpIsGivenUp() throws Exception {
        hangs("dispose@1.0.0");
        Probe.HOOKS.put(
                "init@1.0.0",
                _ -> {
                    Probe.HOOKS.remove("init@1.0.0");
                    throw new IllegalStateException("broken");
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.await("the end of the first", () -> zombies() == 1);
        platform.await(A, State.RUNNING);
        Probe.HOOKS.clear();
        serves("1.0.0", 2);
    }
}
