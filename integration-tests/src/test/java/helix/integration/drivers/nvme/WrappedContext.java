package helix.integration.drivers.nvme;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import java.util.Map;

/// The real context, for a driver that wants another one to be seen.
class WrappedContext implements ModuleContext {
    private final ModuleContext context;

    WrappedContext(ModuleContext context) {
        this.context = context;
    }

    @Override
    public Device device() {
        return context.device();
    }

    @Override
    public Lease lease() {
        return context.lease();
    }

    @Override
    public boolean takesOver() {
        return context.takesOver();
    }

    @Override
    public int unit() {
        return context.unit();
    }

    @Override
    public String name() {
        return context.name();
    }

    @Override
    public ModuleInfo describe() {
        return context.describe();
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
        return context.publish(type, service, properties);
    }

    @Override
    public AgentHandle agent(String name, Agent agent, Idle idle) {
        return context.agent(name, agent, idle);
    }

    @Override
    public void fail(String reason, Throwable cause) {
        context.fail(reason, cause);
    }
}
