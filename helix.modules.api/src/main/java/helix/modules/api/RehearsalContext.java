package helix.modules.api;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import java.util.Map;
import java.util.Set;

/// The platform as a module sees it that [rehearses][Module#rehearse] its own life: it lets it
/// publish, have agents and report failures, and does nothing about it. There is no device and no
/// lease.
public final class RehearsalContext implements ModuleContext {
    /// What a rehearsing module is called.
    public static final String NAME = "rehearsal";

    private Throwable failure = new ModuleError("none");
    private final boolean takesOver;
    private boolean failed;

    /// A context of a generation that has not begun.
    ///
    /// @param takesOver whether it takes over from one before
    public RehearsalContext(boolean takesOver) {
        this.takesOver = takesOver;
    }

    /// Whether the module has reported that it cannot go on.
    ///
    /// @return true once it has
    public boolean hasFailed() {
        return failed;
    }

    /// What it has reported.
    ///
    /// @return the cause it gave
    public Throwable failure() {
        return failure;
    }

    @Override
    public Device device() {
        throw new ModuleError("a rehearsal has no device");
    }

    @Override
    public Lease lease() {
        throw new ModuleError("a rehearsal has no lease");
    }

    @Override
    public boolean takesOver() {
        return takesOver;
    }

    @Override
    public int unit() {
        return 0;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public ModuleInfo describe() {
        return new ModuleInfo(NAME, "", new ModuleVersion(0, 0, 0, ""), Set.of());
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
        return () -> {};
    }

    @Override
    public AgentHandle agent(String name, Agent agent, Idle idle) {
        return new NoAgent();
    }

    @Override
    public void fail(String reason, Throwable cause) {
        failed = true;
        failure = cause;
    }

    private static final class NoAgent implements AgentHandle {
        @Override
        public void wakeUp() {
            // It never sleeps: nobody runs it.
        }

        @Override
        public void close() {
            // Nothing runs.
        }
    }
}
