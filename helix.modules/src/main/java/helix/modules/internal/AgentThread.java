package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext.AgentHandle;
import helix.modules.api.ModuleError;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// An agent and its thread. The thread calls the agent again and again, spins for a while when
/// there is nothing to do, and then parks until its pause is over or it is woken up.
///
/// The round counter is its heartbeat: odd while the agent works. The supervisor looks at it now
/// and then, so that a round costs no reading of a clock.
final class AgentThread implements AgentHandle {
    /// What the names of the HAL's classes begin with, and of the machines'.
    private static final String HAL = "helix.hal.";

    private static final VarHandle ROUNDS;

    static {
        try {
            ROUNDS = MethodHandles.lookup().findVarHandle(AgentThread.class, "rounds", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final String name;
    private final Idle idle;
    private final Runnable onClose;
    private final Runnable onExit;
    private final BiConsumer<AgentThread, Throwable> onFailure;
    private final long pauseNanos;

    private @Nullable Agent agent;
    private volatile @Nullable Thread thread;
    private volatile boolean closed;
    private volatile boolean parked;
    private volatile boolean woken;

    @SuppressWarnings("UnusedVariable") // by ROUNDS
    private long rounds;

    // The supervisor's own notes: the round it saw last, and since when.
    private long roundSeen;
    private long seenSince;

    /// @param onClose called once when it is closed, so that nobody keeps it
    /// @param onExit called by its thread as the last it does
    /// @param onFailure told what the agent threw; its thread ends then
    AgentThread(
            String name,
            Agent agent,
            Idle idle,
            Runnable onClose,
            Runnable onExit,
            BiConsumer<AgentThread, Throwable> onFailure) {
        this.name = name;
        this.agent = agent;
        this.idle = idle;
        this.onClose = onClose;
        this.onExit = onExit;
        this.onFailure = onFailure;
        this.pauseNanos = idle.pause().toNanos();
    }

    String name() {
        return name;
    }

    /// Begins, unless it was closed before or has begun.
    synchronized void begin(String module, String deviceId) {
        Agent work = agent;
        if (!closed && thread == null && work != null) {
            thread =
                    Threads.start(
                            module,
                            deviceId,
                            name,
                            () -> {
                                try {
                                    run(work);
                                } finally {
                                    onExit.run();
                                }
                            });
        }
    }

    private void run(Agent work) {
        int emptyRounds = 0;
        long round = 0;
        try {
            while (!closed) {
                ROUNDS.setOpaque(this, ++round);
                int done = work.doWork();
                ROUNDS.setOpaque(this, ++round);
                if (done != 0) {
                    emptyRounds = 0;
                } else if (emptyRounds < idle.spins()) {
                    emptyRounds++;
                    Thread.onSpinWait();
                } else {
                    pause();
                }
            }
        } catch (Throwable e) { // whatever it is, it is the module's failure and ends here
            if (!closed) {
                onFailure.accept(this, e);
            }
        }
    }

    private void pause() {
        // Store, then load, on both sides (volatile): either wakeUp() sees `parked`, or we see
        // `woken`.
        parked = true;
        if (!woken && !closed) {
            LockSupport.parkNanos(this, pauseNanos);
        }
        parked = false;
        woken = false;
    }

    @Override
    public void wakeUp() {
        woken = true;
        if (parked) {
            LockSupport.unpark(thread);
        }
    }

    /// Whether one call of the agent has lasted that long. For the supervisor alone, which calls it
    /// at least twice in that time.
    ///
    /// An access to a machine that does not answer ends by its own deadline, which is as long as an
    /// agent's round may last. So that the two do not race, an agent that is inside the HAL has a
    /// while more: it is the machine that is late.
    boolean isStuck(long nanoTime, long limitNanos, long inHalNanos) {
        long round = (long) ROUNDS.getOpaque(this);
        if (round != roundSeen || (round & 1) == 0 || !isAlive()) {
            roundSeen = round;
            seenSince = nanoTime;
            return false;
        }
        long lasted = nanoTime - seenSince;
        return lasted >= limitNanos && (lasted >= inHalNanos || !isInHal());
    }

    /// Whether it has ended without having been told to and without a word: code that ran out of
    /// memory may not even be able to say so.
    boolean isLost() {
        Thread runner = thread;
        return runner != null && !closed && !runner.isAlive();
    }

    /// Whether it is in a call of the HAL now. Looks at its stack: not for every round.
    boolean isInHal() {
        Thread runner = thread;
        return runner != null
                && Arrays.stream(runner.getStackTrace())
                        .anyMatch(f -> f.getClassName().startsWith(HAL));
    }

    /// Ends it without waiting.
    void end() {
        boolean first;
        synchronized (this) {
            first = !closed;
            closed = true;
            agent = null;
        }
        if (first) {
            LockSupport.unpark(thread);
            onClose.run();
        }
    }

    /// Waits until it is out.
    ///
    /// @return whether it is
    boolean awaitEnd(long millis) {
        Thread runner = thread;
        if (runner == null || Thread.currentThread().equals(runner)) {
            return true;
        }
        try {
            return runner.join(Duration.ofMillis(Math.max(1, millis)));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return !runner.isAlive();
        }
    }

    /// Waits until it is out: for as long as a round may last, and an access to the machine.
    ///
    /// @return whether it is
    boolean awaitRound(Deadline deadline) {
        return awaitEnd(deadline.remainingMillis())
                || (isInHal()
                        && awaitEnd(
                                ModuleRun.AGENT_IN_HAL_LIMIT
                                        .minus(ModuleRun.AGENT_LIMIT)
                                        .toMillis()));
    }

    @Nullable Thread thread() {
        return thread;
    }

    /// Where it is now, for a message.
    String where() {
        Thread runner = thread;
        return runner == null ? "not begun" : Reason.where(runner);
    }

    boolean isAlive() {
        Thread runner = thread;
        return runner != null && runner.isAlive();
    }

    boolean isCurrentThread() {
        return Thread.currentThread().equals(thread);
    }

    /// Wakes code that hangs in a wait, after everything was taken from it.
    void interrupt() {
        Thread runner = thread;
        if (runner != null) {
            runner.interrupt();
        }
    }

    @Override
    public void close() {
        end();
        if (!awaitRound(Deadline.after(ModuleRun.AGENT_LIMIT))) {
            onFailure.accept(this, new ModuleError("it does not end, it is in " + where()));
        }
    }
}
