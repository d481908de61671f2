package helix.driver.block.nvme;

import helix.driver.api.block.BlockDevice;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/// The platform's side of a module, whose agents the test runs itself.
final class FakeContext implements ModuleContext {
    private final FakeHal hal;
    final Map<String, BlockDevice> published = new LinkedHashMap<>();
    final Map<String, Map<String, ?>> properties = new LinkedHashMap<>();
    final Map<String, Agent> agents = new LinkedHashMap<>();
    final AtomicInteger wakeUps = new AtomicInteger();
    String failure = "";

    private final Lease lease;
    private final boolean takesOver;

    FakeContext(FakeHal hal, boolean takesOver) {
        this.hal = hal;
        this.lease = hal.lease;
        this.takesOver = takesOver;
    }

    @Override
    public Device device() {
        return hal.device;
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
        return "nvme0";
    }

    @Override
    public ModuleInfo describe() {
        return new ModuleInfo("nvme", "", new ModuleVersion(0, 1, 0, ""), Set.of());
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
        failure = reason;
    }
}
