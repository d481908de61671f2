package helix.integration.drivers.threads;

import helix.hal.api.PciDevice;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// A driver with a thread of its own.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "threads", description = "Is refused", match = "(pci.device=8139)")
public final class ThreadDriver implements Module {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the device, by which the binder finds this
    @Activate
    @SuppressWarnings("unused") // the device is there for the component's description
    public ThreadDriver(@Reference PciDevice device) {}

    @Override
    public void init(ModuleContext context) {}

    @Override
    public void start() {
        new Thread(() -> {}, "nobody knows").start();
    }

    @Override
    public void stop() {}
}
