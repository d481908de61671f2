package helix.modules.probe.driver;

import helix.hal.api.Deadline;
import helix.hal.api.PciDevice;
import helix.modules.api.DriverModule;
import helix.modules.api.Event;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.Request;
import helix.modules.probe.Gadget;
import helix.modules.probe.Probe;
import java.time.Duration;
import java.util.Map;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// A driver that does what a test wants.
@Component(factory = DriverModule.FACTORY)
@DriverModule(
        name = "probe",
        description = "Probes",
        match = {"(pci.class=010802)", "(&(pci.vendor=1234)(pci.device=5678))"},
        prefix = "pr")
public final class ProbeDriver implements Module {
    private final PciDevice device;
    private ModuleContext context;

    @Activate
    public ProbeDriver(@Reference PciDevice device) throws Exception {
        this.device = device;
        Probe.call(device.id(), "construct", null);
    }

    @Override
    public void init(ModuleContext given) throws Exception {
        context = given;
        Probe.call(device.id(), "init", context);
    }

    @Override
    public void start() throws Exception {
        context.publish(
                Gadget.class,
                () -> "hello of " + context.name(),
                Map.of("gadget.name", "g" + context.unit()));
        Probe.call(device.id(), "start", context);
    }

    @Override
    public void stop() throws Exception {
        Probe.call(device.id(), "stop", context);
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
