package helix.modules.probe.refused;

import helix.hal.api.PciDevice;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// A driver with a thread of its own.
@Component(factory = DriverModule.FACTORY)
@DriverModule(name = "threads", description = "Makes a thread", match = "(pci.class=0c0330)")
public final class ThreadDriver implements Module {
    @Activate
    public ThreadDriver(@Reference PciDevice device) {}

    @Override
    public void init(ModuleContext context) {}

    @Override
    public void start() {
        new Thread(() -> {}).start();
    }

    @Override
    public void stop() {}
}
