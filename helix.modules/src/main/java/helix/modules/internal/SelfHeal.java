package helix.modules.internal;

import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import helix.modules.internal.ModuleRun.Ending;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Decides what becomes of a device whose module has crashed: it gets a new generation, the first
/// time at once, then after a pause that doubles, and after too many failures in too short a time
/// none any more until a person says so.
///
/// It only decides. Whether a driver may still have the device is asked anew when the pause is
/// over.
final class SelfHeal {
    /// Calls something once, a little later.
    @FunctionalInterface
    interface Alarm {
        void later(Runnable body, Duration delay);
    }

    /// A driver's factory and a device's service: another revision or a device that was plugged in
    /// anew begins with a clean record.
    record Pair(long factory, long deviceService) {}

    /// The end of a run, as this class sees it.
    ///
    /// @param hadLease false if it got none: the device does not obey, and no driver's code has run
    record End(
            String module,
            String deviceId,
            Pair pair,
            Ending ending,
            boolean hadLease,
            boolean hasServed,
            String reason,
            List<Thread> zombies) {
        static End of(ModuleRun run) {
            return new End(
                    run.name(),
                    run.deviceId(),
                    new Pair(run.factory(), run.deviceService()),
                    run.ending(),
                    run.status().generation() != 0,
                    run.hasServed(),
                    run.status().reason(),
                    run.zombies());
        }
    }

    /// So many failures within the window are too many.
    static final int LIMIT = 5;

    /// How long a failure counts.
    static final Duration WINDOW = Duration.ofSeconds(60);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
    private static final Duration FIRST_PAUSE_WITHOUT_LEASE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(SelfHeal.class);

    /// What is known of a device; guarded by the owner's monitor.
    private static final class Case {
        @Nullable Pair pair;
        final ArrayDeque<Long> failures = new ArrayDeque<>();
        int inARow;
        long lastFailure;
        long restarts;
        boolean hasServed;
        boolean quarantined;

        /// When the pause ends; 0 if there is none.
        long until;

        /// Whether the next generation may begin.
        boolean due;

        final List<Thread> zombies = new ArrayList<>();

        void clear() {
            failures.clear();
            inARow = 0;
            hasServed = false;
            quarantined = false;
            until = 0;
            due = false;
        }
    }

    private final LongSupplier nanoTime;
    private final Alarm alarm;
    private final boolean on;
    private final Runnable onDue;
    private final Map<String, Case> cases = new HashMap<>();

    /// @param nanoTime the clock
    /// @param alarm what wakes this up when a pause is over
    /// @param on whether anything is restarted at all
    /// @param onDue called without a lock when a device may have its next generation
    SelfHeal(LongSupplier nanoTime, Alarm alarm, boolean on, Runnable onDue) {
        this.nanoTime = nanoTime;
        this.alarm = alarm;
        this.on = on;
        this.onDue = onDue;
    }

    // --- what happens ----------------------------------------------------------------------------

    /// A run has ended FAILED or as a ZOMBIE.
    ///
    /// @param isCaredFor whether somebody else sees to the device's next generation
    synchronized void failed(End end, boolean isCaredFor) {
        Case of = cases.computeIfAbsent(end.deviceId, _ -> new Case());
        left(end.deviceId, end.zombies);
        if (!end.pair.equals(of.pair)) {
            of.clear();
            of.pair = end.pair;
        }
        of.hasServed |= end.hasServed;
        of.due = false;
        of.until = 0;
        if (isCaredFor || !on) {
            return;
        }
        if (end.ending == Ending.ASKED) {
            // What it did at its end is no verdict on the pair: as after an end without a fault,
            // the device is bound again if it should be.
            of.due = true;
            return;
        }
        if (end.ending == Ending.REFUSED && !of.hasServed && of.inARow == 0) {
            return; // it would say the same again
        }
        long now = nanoTime.getAsLong();
        if (of.inARow > 0 && now - of.lastFailure > WINDOW.toNanos()) {
            of.inARow = 0;
        }
        of.inARow++;
        of.lastFailure = now;
        of.failures.add(now);
        forgetOld(of, now);
        if (of.failures.size() >= LIMIT) {
            of.quarantined = true;
            LOG.error(
                    "{} on {} is quarantined after {} failures in {} s: {}",
                    end.module,
                    end.deviceId,
                    LIMIT,
                    WINDOW.toSeconds(),
                    end.reason);
            return;
        }
        restart(end, of, now);
    }

    /// Threads hang in a driver's code; they count until they end.
    synchronized void left(String deviceId, List<Thread> threads) {
        Case of = cases.computeIfAbsent(deviceId, _ -> new Case());
        of.zombies.removeIf(t -> !t.isAlive());
        of.zombies.addAll(threads);
    }

    private void restart(End end, Case of, long now) {
        Duration pause = pause(of.inARow, end.hadLease);
        LOG.info(
                "{} on {} is restarted {}",
                end.module,
                end.deviceId,
                pause.isZero() ? "at once" : "in " + ModuleRun.seconds(pause));
        if (pause.isZero()) {
            of.due = true;
            of.restarts++;
            return;
        }
        long until = now + pause.toNanos();
        of.until = until == 0 ? 1 : until;
        long mine = of.until;
        alarm.later(() -> over(end.deviceId, mine), pause);
    }

    /// The pause before the restart that follows the n-th failure in a row: longer where it is the
    /// device or its machine that does not answer, which may take a while to come back.
    static Duration pause(int n, boolean hadLease) {
        if (n <= 1) {
            return Duration.ZERO;
        }
        Duration first = hadLease ? FIRST_PAUSE : FIRST_PAUSE_WITHOUT_LEASE;
        // So many doublings are longer than the longest pause anyway.
        Duration doubled = first.multipliedBy(1L << Math.min(n - 2, 10));
        return doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
    }

    private void over(String deviceId, long until) {
        synchronized (this) {
            Case of = cases.get(deviceId);
            if (of == null || of.until != until) {
                return; // released, begun or unplugged meanwhile
            }
            of.until = 0;
            of.due = true;
            of.restarts++;
        }
        onDue.run();
    }

    /// A run of the device begins.
    synchronized void begun(String deviceId) {
        Case of = cases.get(deviceId);
        if (of == null) {
            return;
        }
        if (of.quarantined) {
            of.clear(); // another revision has it, which begins with a clean record
        }
        of.until = 0;
        of.due = false;
    }

    /// A person has had a say, or the device is gone: what was is forgotten, but not what was
    /// counted.
    synchronized void release(String deviceId) {
        Case of = cases.get(deviceId);
        if (of != null) {
            of.clear();
        }
    }

    // --- what is so ------------------------------------------------------------------------------

    /// Whether a device whose module failed may have its next generation now.
    synchronized boolean isDue(String deviceId) {
        Case of = cases.get(deviceId);
        return of != null && of.due;
    }

    /// Whether it may have it when a pause is over.
    synchronized boolean isPausing(String deviceId) {
        Case of = cases.get(deviceId);
        return of != null && of.until != 0;
    }

    /// Adds to a failed module's status what is done about it.
    synchronized ModuleStatus show(ModuleStatus past) {
        Case of = cases.get(past.deviceId());
        if (of == null || past.state() == State.STOPPED) {
            return past;
        }
        if (of.quarantined) {
            return with(
                    past,
                    State.FAILED,
                    "quarantined after %d failures in %d s: %s; helix:rebind %s releases it"
                            .formatted(LIMIT, WINDOW.toSeconds(), past.reason(), past.deviceId()));
        }
        if (of.until != 0) {
            return with(
                    past,
                    past.state(),
                    "%s; restarted in %d ms".formatted(past.reason(), millisLeft(of)));
        }
        return past;
    }

    private static ModuleStatus with(ModuleStatus past, State state, String reason) {
        return new ModuleStatus(
                past.name(),
                past.deviceId(),
                past.driver(),
                past.version(),
                past.generation(),
                state,
                reason,
                past.services());
    }

    /// The counters of a module.
    synchronized ModuleHealth health(ModuleStatus module) {
        Case of = cases.get(module.deviceId());
        if (of == null) {
            return new ModuleHealth(module.name(), module.deviceId(), 0, 0, 0, -1, false);
        }
        forgetOld(of, nanoTime.getAsLong());
        of.zombies.removeIf(t -> !t.isAlive());
        return new ModuleHealth(
                module.name(),
                module.deviceId(),
                of.failures.size(),
                of.restarts,
                of.zombies.size(),
                of.until == 0 ? -1 : millisLeft(of),
                of.quarantined);
    }

    private long millisLeft(Case of) {
        return Math.max(0, TimeUnit.NANOSECONDS.toMillis(of.until - nanoTime.getAsLong()));
    }

    private static void forgetOld(Case of, long now) {
        of.failures.removeIf(f -> now - f > WINDOW.toNanos());
    }
}
