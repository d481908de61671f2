package helix.driver.block.virtio;

import helix.hal.api.Device;
import helix.hal.api.InterruptHandler;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.util.Map;
import java.util.Set;

/// The platform as a module sees it that takes over in a rehearsal: it lets it publish, have agents
/// and handle interrupts, and does nothing about it.
final class RehearsalContext implements ModuleContext {
    static final String NAME = "rehearsal";

    /// As many vectors as this driver takes at most.
    static final int VECTORS = 3;

    private Throwable failure = new ModuleError("none");
    private boolean failed;

    /// Whether the module has reported that it cannot go on.
    boolean hasFailed() {
        return failed;
    }

    /// What it has reported.
    Throwable failure() {
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
        return true;
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

    /// Vectors that no device raises.
    static final class Vectors implements IrqVectors {
        private final InterruptHandler[] handlers = new InterruptHandler[VECTORS];

        @Override
        public IrqKind kind() {
            return IrqKind.MSIX;
        }

        @Override
        public int count() {
            return VECTORS;
        }

        @Override
        public void handler(int vector, InterruptHandler handler) {
            handlers[vector] = handler;
            raise(vector);
        }

        @Override
        public void mask(int vector) {
            // Nothing comes.
        }

        @Override
        public void unmask(int vector) {
            // Nothing comes.
        }

        @Override
        public void raise(int vector) {
            handlers[vector].interrupt(vector);
        }

        @Override
        public long delivered(int vector) {
            return 0;
        }

        @Override
        public void close() {
            // Nothing was enabled.
        }
    }
}
