package helix.integration.drivers.idle;

import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// A driver of a network card that only looks at the card's address, and sends nothing.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(
        name = "idle8139",
        description = "Looks at a network card",
        match = "(&(pci.vendor=10ec)(pci.device=8139))")
public final class IdleDriver implements Module {
    /// The first three bytes of the addresses of QEMU's cards.
    private static final int OUI = 0x525400;

    /// BAR 1 has the registers in memory; IDR0 to IDR5, the address, come first.
    private static final int REGISTERS = 1;

    private final MmioService mmio;
    private @Nullable MmioRegion registers;

    /// Called by Declarative Services, for one card.
    ///
    /// @param device the card, by which the binder finds this
    /// @param mmio maps its registers
    @Activate
    @SuppressWarnings("unused") // the device is there for the component's description
    public IdleDriver(@Reference PciDevice device, @Reference MmioService mmio) {
        this.mmio = mmio;
    }

    @Override
    public void init(ModuleContext context) {
        registers = mmio.map(context.lease(), REGISTERS);
    }

    @Override
    public void start() {
        MmioRegion r = registers;
        if (r == null) {
            throw new ModuleError("start before init");
        }
        int oui = r.read8(0) << 16 | r.read8(1) << 8 | r.read8(2);
        if (oui != OUI) {
            throw new ModuleError("the card's address begins with %06x".formatted(oui));
        }
    }

    @Override
    public void stop() {
        registers = null;
    }
}
