package helix.modules.probe.driver;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.modules.api.DriverModule;
import helix.modules.api.Event;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.Request;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.osgi.framework.FrameworkUtil;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/// A driver that does what a test wants.
@Component(factory = DriverModule.FACTORY)
@DriverModule(
        name = "probe",
        description = "Probes",
        match = {"(pci.class=010802)", "(&(pci.vendor=1234)(pci.device=5678))"},
        prefix = "pr")
public final class ProbeDriver implements Module {
    private final Device device;
    private final String version;
    private ModuleContext context;

    @Activate
    public ProbeDriver(@Reference Device device) throws Exception {
        this.device = device;
        this.version = FrameworkUtil.getBundle(ProbeDriver.class).getVersion().toString();
        Probe.call(device.id(), "construct", version, null);
    }

    @Deactivate
    void dispose() {
        Probe.hook("dispose@" + version);
    }

    @Override
    public void init(ModuleContext given) throws Exception {
        context = given;
        Probe.call(device.id(), "init", version, context);
    }

    @Override
    public void start() throws Exception {
        context.publish(
                Gadget.class,
                () -> "hello of " + context.name(),
                Map.of("gadget.name", "g" + context.unit()));
        Probe.call(device.id(), "start", version, context);
    }

    @Override
    public void stop() throws Exception {
        Probe.call(device.id(), "stop", version, context);
    }

    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        return Optional.ofNullable(Probe.SCHEMAS.get(version));
    }

    @Override
    public Optional<ModuleState> saveState() {
        try {
            Object saved = Probe.call(device.id(), "saveState", version, context);
            if (saved instanceof Optional<?> some) {
                return some.map(ModuleState.class::cast);
            }
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        return stateSchema()
                .map(s ->
                        ModuleState.of(
                                s.name(), s.version(), version.getBytes(StandardCharsets.UTF_8)));
    }

    @Override
    public ModuleState migrate(ModuleState older) throws Exception {
        Probe.call(device.id(), "migrate " + older.version(), version, context);
        return ModuleState.of(older.schema(), stateSchema().orElseThrow().version(), older.data());
    }

    @Override
    public void restoreState(ModuleState state) throws Exception {
        String of = new String(state.data(), StandardCharsets.UTF_8);
        Probe.call(device.id(), "restoreState", version, context);
        Probe.LOG.add(device.id() + " state of " + of + " for " + version);
    }

    @Override
    public void rehearse(Rehearsal scratch) throws Exception {
        if (Probe.SCHEMAS.containsKey(version)) {
            var memory = scratch.memory(4096, 4096);
            memory.segment().fill((byte) 1);
            var registers = scratch.registers(64);
            registers.write32(8, 0x1234);
            if (registers.read32(8) != 0x1234 || memory.address() % 4096 != 0) {
                throw new IllegalStateException("scratch does not do");
            }
        }
        Probe.call(device.id(), "rehearse", version, null);
    }

    @Override
    public void handleEvent(Event event) {
        if (event instanceof Event.Tick) {
            Probe.hook("tick");
        } else {
            Probe.LOG.add(device.id() + " " + event.getClass().getSimpleName());
        }
    }

    @Override
    public boolean quiesce(Deadline deadline) {
        Probe.hook("quiesce");
        return true;
    }

    @Override
    public Object handleRequest(Request request) {
        return Probe.answer(device.id(), request);
    }

    @Override
    public Health health() {
        Probe.hook("health");
        return Probe.HOOKS.containsKey("unwell") ? Health.failed("feels unwell") : Health.OK;
    }

    @Override
    public Duration limit(Step step) {
        return Probe.LIMITS.getOrDefault(step, Duration.ofSeconds(10));
    }
}
