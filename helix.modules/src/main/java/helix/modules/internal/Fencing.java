package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What becomes of a run whose code hangs: everything is taken from it, on another thread, and it
/// is a zombie until its threads have returned.
final class Fencing {
    /// How long agents have to get out when the module was given up.
    private static final Duration ABANDON_LIMIT = Duration.ofMillis(200);

    /// How long what waits for a service's withdrawal is waited for when the module was given up.
    private static final Duration WITHDRAW_LIMIT = Duration.ofMillis(500);

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    private final Life life;
    private volatile @Nullable Thread stuckHandler;
    private volatile boolean left;

    Fencing(Life life) {
        this.life = life;
    }

    /// Looks whether something hangs. Called by the supervisor, some times a second.
    void check(long nanoTime) {
        Worker.Step step = life.worker.current();
        if (step != null && step.isOverdue(nanoTime)) {
            fence(
                    "%s hangs, for more than %s, in %s"
                            .formatted(
                                    step.what(),
                                    ModuleRun.seconds(step.limit()),
                                    life.worker.where()));
            return;
        }
        AgentThread stuck =
                life.agents.stuck(
                        nanoTime,
                        ModuleRun.AGENT_LIMIT.toNanos(),
                        ModuleRun.AGENT_IN_HAL_LIMIT.toNanos());
        if (life.cause.get() != null) {
            return; // its end is under way, and waits for agents itself
        }
        if (stuck != null) {
            // Not stopped in the usual way: `stop` may wait for what the agent holds.
            fence("agent " + stuck.name() + " stuck in " + stuck.where());
            return;
        }
        AgentThread lost = life.agents.lost();
        if (lost != null) {
            life.run.requestEnd(
                    Cause.failure("agent " + lost.name() + " has ended without a word"));
        }
    }

    /// Gives the module up because code of it hangs on a thread of the HAL's.
    void hang(String why, @Nullable Thread handler) {
        if (life.cause.get() == null) {
            stuckHandler = handler;
            fence(why);
        }
    }

    /// Gives up on the worker: takes everything from the module, on a thread of its own.
    void fence(String why) {
        if (!life.finished.get() && life.fenced.compareAndSet(false, true)) {
            Threads.start(life.name, life.deviceId, "reaper", () -> reap(why));
        }
    }

    private void reap(String why) {
        life.cause.compareAndSet(null, Cause.failure(why));
        String text = why;
        try {
            life.stuckAgents = life.agents.abandon(Deadline.after(ABANDON_LIMIT));
            boolean hasChildren = !life.services.devices().isEmpty();
            if (hasChildren) { // their modules are stopped, which takes away no lease under them
                withdraw(Children.WITHDRAW_LIMIT);
            }
            String unconfirmed = life.release();
            text = unconfirmed == null ? why : why + "; " + unconfirmed;
            if (!hasChildren) {
                withdraw(WITHDRAW_LIMIT);
            }
        } catch (Throwable e) { // the run ends all the same
            text = why + "; its lease could not be released: " + Reason.of(e);
            LOG.warn("{}: its lease could not be released", life.name, e);
        } finally {
            life.finish(State.ZOMBIE, text);
            life.worker.abandon();
            noteReturn();
        }
    }

    /// Takes a given-up module's services back. That calls code of others, which may wait for the
    /// module's: nothing else waits for that for long.
    private void withdraw(Duration limit) throws InterruptedException {
        Instance of = life.instance;
        life.instance = null;
        Thread stuck =
                Threads.within(
                        limit,
                        life.name,
                        life.deviceId,
                        "withdrawal",
                        () -> {
                            life.services.close();
                            if (of != null) {
                                of.dispose();
                            }
                        });
        if (stuck != null) {
            LOG.warn("{}: somebody holds up the withdrawal of its services", life.name);
            life.host.left(life.deviceId, List.of(stuck));
        }
    }

    // --- zombies ---------------------------------------------------------------------------------

    /// The threads of an ended run that are still in the driver's code.
    List<Thread> zombies() {
        if (!life.finished.get()) {
            return List.of();
        }
        boolean inStep = life.fenced.get() && !left && life.worker.current() != null;
        return Stream.concat(
                        Stream.of(inStep ? life.worker.thread() : null, stuckHandler),
                        life.stuckAgents.stream().map(AgentThread::thread))
                .filter(t -> t != null && t.isAlive())
                .toList();
    }

    void workerLeft() {
        left = true;
        noteReturn();
    }

    /// A hung module is no zombie any more once its thread is gone.
    synchronized void noteReturn() {
        if (left && life.state == State.ZOMBIE && othersLeft()) {
            String why = life.reason + "; it has returned since";
            life.reason = why;
            life.state = State.FAILED;
            life.host.returned(life.run);
        }
    }

    private boolean othersLeft() {
        // The agent that says so is about to end, its thread still lives.
        Thread handler = stuckHandler;
        return (handler == null || !handler.isAlive())
                && life.stuckAgents.stream().allMatch(a -> a.isCurrentThread() || !a.isAlive());
    }
}
