package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleError;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// The agents of a module.
final class Agents {
    private final String module;
    private final String deviceId;
    private final Runnable onExit;
    private final BiConsumer<AgentThread, Throwable> onFailure;
    private final CopyOnWriteArrayList<AgentThread> agents = new CopyOnWriteArrayList<>();
    private boolean begun;
    private boolean closed;

    Agents(
            String module,
            String deviceId,
            Runnable onExit,
            BiConsumer<AgentThread, Throwable> onFailure) {
        this.module = module;
        this.deviceId = deviceId;
        this.onExit = onExit;
        this.onFailure = onFailure;
    }

    synchronized AgentThread add(String name, Agent agent, Idle idle) {
        if (closed) {
            throw new ModuleError(module + " is being stopped and takes no more agents");
        }
        AgentThread[] self = new AgentThread[1];
        AgentThread thread =
                new AgentThread(name, agent, idle, () -> agents.remove(self[0]), onExit, onFailure);
        self[0] = thread;
        agents.add(thread);
        if (begun) {
            thread.begin(module, deviceId);
        }
        return thread;
    }

    /// Lets those begin that wait for it, and each that comes later at once.
    synchronized void begin() {
        begun = true;
        agents.forEach(a -> a.begin(module, deviceId));
    }

    /// The first whose work has lasted too long.
    @Nullable AgentThread stuck(long nanoTime, long limitNanos, long inHalNanos) {
        AgentThread first = null;
        for (AgentThread agent : agents) {
            // All are asked, because each notes its round when it is.
            if (agent.isStuck(nanoTime, limitNanos, inHalNanos) && first == null) {
                first = agent;
            }
        }
        return first;
    }

    /// The first whose thread is gone, although nobody closed it.
    @Nullable AgentThread lost() {
        return agents.stream().filter(AgentThread::isLost).findFirst().orElse(null);
    }

    /// Whether the caller is one of them.
    boolean isCurrentThread() {
        return agents.stream().anyMatch(AgentThread::isCurrentThread);
    }

    /// Ends all and waits for them.
    ///
    /// @return those that are not out by then
    List<AgentThread> close(Deadline deadline) {
        return end().stream().filter(a -> !a.awaitRound(deadline)).toList();
    }

    /// Ends all and waits no longer than that, although one may be in an access to the machine.
    ///
    /// @return those that are not out by then
    List<AgentThread> abandon(Deadline deadline) {
        return end().stream().filter(a -> !a.awaitEnd(deadline.remainingMillis())).toList();
    }

    private List<AgentThread> end() {
        List<AgentThread> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(agents);
        }
        all.forEach(AgentThread::end);
        return all;
    }
}
