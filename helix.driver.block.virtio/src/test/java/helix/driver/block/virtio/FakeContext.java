package helix.driver.block.virtio;

import helix.driver.api.block.BlockDevice;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/// The platform's side of a module, whose agents the test runs itself.
final class FakeContext implements ModuleContext {
    final Map<String, BlockDevice> published = new LinkedHashMap<>();
    final Map<String, Map<String, ?>> properties = new LinkedHashMap<>();
    final Map<String, Agent> agents = new LinkedHashMap<>();
    final AtomicInteger wakeUps = new AtomicInteger();
    final List<String> failures = new ArrayList<>();

    private final Device device;
    private final Lease lease;
    private final boolean takesOver;

    FakeContext(Device device, Lease lease, boolean takesOver) {
        this.device = device;
        this.lease = lease;
        this.takesOver = takesOver;
    }

    BlockDevice disk() {
        return published.values().iterator().next();
    }

    void runAgents() {
        try {
            for (Agent agent : List.copyOf(agents.values())) {
                agent.doWork();
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
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
        return "vblk0";
    }

    @Override
    public ModuleInfo describe() {
        return new ModuleInfo("virtio-blk", "", new ModuleVersion(0, 1, 0, ""), Set.of());
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> props) {
        String name = (String) props.get(BlockDevice.NAME);
        published.put(name, (BlockDevice) service);
        properties.put(name, props);
        return () -> published.remove(name, service);
    }

    @Override
    public AgentHandle agent(String name, Agent agent, Idle idle) {
        agents.put(name, agent);
        return new AgentHandle() {
            @Override
            public void wakeUp() {
                wakeUps.incrementAndGet();
            }

            @Override
            public void close() {
                agents.remove(name);
            }
        };
    }

    @Override
    public void fail(String reason, Throwable cause) {
        failures.add(reason);
    }
}
