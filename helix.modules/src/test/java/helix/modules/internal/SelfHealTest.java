package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import helix.modules.internal.ModuleRun.Ending;
import helix.modules.internal.SelfHeal.End;
import helix.modules.internal.SelfHeal.Pair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/// Restarts, pauses and quarantine by a clock of the test's own.
class SelfHealTest {
    private static final String A = "0000:00:04.0";
    private static final Pair PAIR = new Pair(7, 8);

    private long now = 1_000;
    private int due;
    private final List<Alarm> alarms = new ArrayList<>();
    private final SelfHeal heal = heal(true);

    private record Alarm(Runnable body, Duration delay) {}

    private SelfHeal heal(boolean on) {
        return new SelfHeal(
                () -> now, (body, delay) -> alarms.add(new Alarm(body, delay)), on, () -> due++);
    }

    private void pass(Duration time) {
        now += time.toNanos();
    }

    private void end(Ending ending, boolean hasServed, Pair pair) {
        heal.failed(new End("pr0", A, pair, ending, true, hasServed, "broken", List.of()), false);
    }

    private void crash() {
        end(Ending.CRASHED, true, PAIR);
    }

    /// Lets the last alarm go off in its time, and the run that it allows begin.
    private Duration restartByAlarm() {
        Alarm alarm = alarms.removeLast();
        assertThat(heal.isDue(A)).isFalse();
        assertThat(heal.isPausing(A)).isTrue();
        pass(alarm.delay);
        alarm.body.run();
        assertThat(heal.isDue(A)).isTrue();
        assertThat(heal.isPausing(A)).isFalse();
        heal.begun(A);
        assertThat(heal.isDue(A)).isFalse();
        return alarm.delay;
    }

    private ModuleStatus shown() {
        return heal.show(
                new ModuleStatus("pr0", A, "probe", "1.0.0", 3, State.ZOMBIE, "broken", List.of()));
    }

    private ModuleHealth health() {
        return heal.health(shown());
    }

    @Test
    void theFirstRestartIsAtOnceAndPausesDouble() {
        crash();
        assertThat(heal.isDue(A)).isTrue();
        assertThat(alarms).isEmpty();
        heal.begun(A);
        List<Long> pauses = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            crash();
            pauses.add(restartByAlarm().toMillis());
        }
        assertThat(pauses).containsExactly(200L, 400L, 800L);
        assertThat(due).isEqualTo(3);
        assertThat(health()).isEqualTo(new ModuleHealth("pr0", A, 4, 4, 0, -1, false));
    }

    @Test
    void pausesAreNeverLongerThanTenSeconds() {
        assertThat(SelfHeal.pause(6, true)).isEqualTo(Duration.ofMillis(3_200));
        assertThat(SelfHeal.pause(7, true)).isEqualTo(Duration.ofMillis(6_400));
        assertThat(SelfHeal.pause(8, true)).isEqualTo(Duration.ofSeconds(10));
        assertThat(SelfHeal.pause(1_000_000, true)).isEqualTo(Duration.ofSeconds(10));
    }

    @Test
    void aDeviceThatDoesNotObeyHasMoreTime() {
        assertThat(SelfHeal.pause(1, false)).isEqualTo(Duration.ZERO);
        assertThat(SelfHeal.pause(2, false)).isEqualTo(Duration.ofSeconds(1));
        assertThat(SelfHeal.pause(4, false)).isEqualTo(Duration.ofSeconds(4));
        assertThat(SelfHeal.pause(7, false)).isEqualTo(Duration.ofSeconds(10));
    }

    @Test
    void aCrashEverySixteenSecondsIsNeverQuarantinedButTriedLessOften() {
        crash();
        heal.begun(A);
        Duration last = Duration.ZERO;
        for (int i = 0; i < 10; i++) {
            pass(Duration.ofSeconds(16));
            crash();
            assertThat(health().quarantined()).isFalse();
            last = restartByAlarm();
        }
        assertThat(last).isEqualTo(Duration.ofSeconds(10));
        pass(Duration.ofSeconds(61));
        crash();
        assertThat(heal.isDue(A)).isTrue();
    }

    @Test
    void fiveFailuresInAMinuteAreQuarantinedUntilReleased() {
        for (int i = 0; i < 5; i++) {
            crash();
            pass(Duration.ofSeconds(15));
        }
        assertThat(health().quarantined()).isTrue();
        assertThat(heal.isDue(A)).isFalse();
        assertThat(heal.isPausing(A)).isFalse();
        assertThat(shown().state()).isEqualTo(State.FAILED);
        assertThat(shown().reason())
                .isEqualTo(
                        "quarantined after 5 failures in 60 s: broken;"
                                + " helix:rebind 0000:00:04.0 releases it");
        pass(Duration.ofHours(1));
        assertThat(health().quarantined()).isTrue();
        assertThat(health().failures()).isZero();

        heal.release(A);
        assertThat(health().quarantined()).isFalse();
        assertThat(shown().reason()).isEqualTo("broken");
        crash();
        assertThat(heal.isDue(A)).isTrue();
    }

    @Test
    void theFifthFailureCountsOnlyWithinTheMinute() {
        for (int i = 0; i < 5; i++) {
            crash();
            pass(Duration.ofMillis(15_001));
        }
        assertThat(health().quarantined()).isFalse();
    }

    @Test
    void aPauseIsShown() {
        crash();
        heal.begun(A);
        crash();
        pass(Duration.ofMillis(50));
        assertThat(shown().reason()).isEqualTo("broken; restarted in 150 ms");
        assertThat(shown().state()).isEqualTo(State.ZOMBIE);
        assertThat(health().nextRestartMs()).isEqualTo(150);
    }

    @Test
    void anAlarmThatIsOutOfDateDoesNothing() {
        crash();
        heal.begun(A);
        crash();
        Alarm old = alarms.removeLast();
        heal.release(A);
        old.body.run();
        assertThat(heal.isDue(A)).isFalse();
        assertThat(due).isZero();
    }

    @Test
    void aRefusalIsFinalBeforeTheFirstServiceOnly() {
        end(Ending.REFUSED, false, PAIR);
        assertThat(heal.isDue(A)).isFalse();
        assertThat(heal.isPausing(A)).isFalse();
        assertThat(health().failures()).isZero();

        crash();
        heal.begun(A);
        end(Ending.REFUSED, false, PAIR);
        assertThat(heal.isPausing(A)).isTrue();
        assertThat(health().failures()).isEqualTo(2);
    }

    @Test
    void anotherRevisionOrDeviceBeginsWithACleanRecord() {
        for (int i = 0; i < 4; i++) {
            crash();
        }
        end(Ending.CRASHED, false, new Pair(9, 8));
        assertThat(heal.isDue(A)).isTrue();
        assertThat(health().failures()).isEqualTo(1);
        end(Ending.CRASHED, false, new Pair(9, 10));
        assertThat(health().failures()).isEqualTo(1);
    }

    @Test
    void anEndThatWasAskedForIsNoFailure() {
        end(Ending.ASKED, true, PAIR);
        assertThat(heal.isDue(A)).isTrue();
        assertThat(health()).isEqualTo(new ModuleHealth("pr0", A, 0, 0, 0, -1, false));
    }

    @Test
    void whoIsCaredForIsLeftAlone() {
        heal.failed(new End("pr0", A, PAIR, Ending.CRASHED, true, true, "broken", List.of()), true);
        assertThat(heal.isDue(A)).isFalse();
        assertThat(heal.isPausing(A)).isFalse();
    }

    @Test
    void itCanBeSwitchedOff() {
        SelfHeal off = heal(false);
        off.failed(new End("pr0", A, PAIR, Ending.CRASHED, true, true, "broken", List.of()), false);
        assertThat(off.isDue(A)).isFalse();
        assertThat(off.isPausing(A)).isFalse();
    }

    @Test
    void zombiesAreCountedWhileTheyLive() throws Exception {
        CountDownLatch out = new CountDownLatch(1);
        Thread zombie =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                out.await();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        });
        heal.failed(
                new End("pr0", A, PAIR, Ending.CRASHED, true, true, "broken", List.of(zombie)),
                false);
        heal.release(A);
        assertThat(health().zombies()).isEqualTo(1);
        out.countDown();
        assertThat(zombie.join(Duration.ofSeconds(10))).isTrue();
        assertThat(health().zombies()).isZero();
    }
}
