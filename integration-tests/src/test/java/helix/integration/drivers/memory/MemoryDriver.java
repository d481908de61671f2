package helix.integration.drivers.memory;

import helix.hal.api.PciDevice;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// A driver that takes the address of its memory from wherever it likes.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "memory", description = "Is refused", match = "(pci.device=8139)")
public final class MemoryDriver implements Module {
    /// Called by Declarative Services, for one device.
    ///
    /// @param device the device, by which the binder finds this
    @Activate
    @SuppressWarnings("unused") // the device is there for the component's description
    public MemoryDriver(@Reference PciDevice device) {}

    @Override
    @SuppressWarnings("restricted") // what the platform must notice
    public void init(ModuleContext context) {
        MemorySegment.ofAddress(4096).reinterpret(4096);
    }

    @Override
    public void start() {
        Arena.ofShared().allocate(4096);
    }

    @Override
    public void stop() {}
}
