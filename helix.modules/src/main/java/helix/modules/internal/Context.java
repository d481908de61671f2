package helix.modules.internal;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Agent;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleVersion;
import java.util.Map;
import java.util.Set;
import org.osgi.framework.Version;

/// What a module sees of its run.
final class Context implements ModuleContext {
    private final ModuleRun run;
    private final Device device;
    private final Lease lease;
    private final Driver driver;
    private final boolean takesOver;

    Context(ModuleRun run, Device device, Lease lease, Driver driver, boolean takesOver) {
        this.run = run;
        this.device = device;
        this.lease = lease;
        this.driver = driver;
        this.takesOver = takesOver;
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
        return run.unit();
    }

    @Override
    public String name() {
        return run.name();
    }

    @Override
    public ModuleInfo describe() {
        Version v = driver.version();
        ModuleVersion version =
                new ModuleVersion(v.getMajor(), v.getMinor(), v.getMicro(), v.getQualifier());
        return new ModuleInfo(driver.name(), driver.description(), version, Set.of());
    }

    @Override
    public <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
        return run.publish(type, service, properties);
    }

    @Override
    public AgentHandle agent(String name, Agent agent, Idle idle) {
        return run.agent(name, agent, idle);
    }

    @Override
    public void fail(String reason, Throwable cause) {
        run.fail(reason, cause);
    }
}
