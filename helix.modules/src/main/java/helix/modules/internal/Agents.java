package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleError;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// The agents of a module.
final class Agents {
    private final String module;
    private final String deviceId;
    private final BiConsumer<AgentThread, Throwable> onFailure;
    private final CopyOnWriteArrayList<AgentThread> agents = new CopyOnWriteArrayList<>();
    private boolean begun;
    private boolean closed;

    Agents(String module, String deviceId, BiConsumer<AgentThread, Throwable> onFailure) {
        this.module = module;
        this.deviceId = deviceId;
        this.onFailure = onFailure;
    }

    synchronized AgentThread add(String name, Agent agent, Idle idle) {
        if (closed) {
            throw new ModuleError(module + " is being stopped and takes no more agents");
        }
        AgentThread[] self = new AgentThread[1];
        AgentThread thread =
                new AgentThread(name, agent, idle, () -> agents.remove(self[0]), onFailure);
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
    @Nullable AgentThread stuck(long nanoTime, long limitNanos) {
        for (AgentThread agent : agents) {
            if (agent.isStuck(nanoTime, limitNanos)) {
                return agent;
            }
        }
        return null;
    }

    /// Whether the caller is one of them.
    boolean isCurrentThread() {
        return agents.stream().anyMatch(AgentThread::isCurrentThread);
    }

    /// Ends all and waits for them.
    ///
    /// @return those that are not out by then
    List<AgentThread> close(Deadline deadline) {
        List<AgentThread> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(agents);
        }
        all.forEach(AgentThread::end);
        List<AgentThread> stuck = new ArrayList<>();
        for (AgentThread agent : all) {
            if (!agent.awaitEnd(deadline.remainingMillis())) {
                stuck.add(agent);
            }
        }
        return stuck;
    }
}
