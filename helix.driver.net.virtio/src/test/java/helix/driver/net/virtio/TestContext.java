package helix.driver.net.virtio;

import helix.driver.api.net.NetworkDevice;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The platform's side of a module; an agent that is woken works at once, on the waking thread.
final class TestContext implements ModuleContext {
    private final Device device;
    private final Lease lease;
    private final boolean takesOver;
    final List<String> failures = new ArrayList<>();
    @Nullable Agent agent;
    @Nullable NetworkDevice published;
    Map<String, ?> properties = Map.of();

    TestContext(Device device, Lease lease, boolean takesOver) {
        this.device = device;
        this.lease = lease;
        this.takesOver = takesOver;
    }

    void runAgent() {
        Agent a = agent;
        if (a != null) {
            try {
                int _ = a.doWork();
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }
    }

    @Override
    public Device device() {
        return device;
    }

    @Override
    public Lease lease() {
        return lease;
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
        return "vnet0";
    }

    @Override
    public ModuleInfo describe() {
        return new ModuleInfo("virtio-net", "", new ModuleVersion(0, 1, 0, ""), Set.of());
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> props) {
        published = (NetworkDevice) service;
        properties = props;
        return () -> published = null;
    }

    @Override
    public AgentHandle agent(String name, Agent newAgent, Idle idle) {
        agent = newAgent;
        return new AgentHandle() {
            @Override
            public void wakeUp() {
                runAgent();
            }

            @Override
            public void close() {
                agent = null;
            }
        };
    }

    @Override
    public void fail(String reason, Throwable cause) {
        failures.add(reason);
    }
}
