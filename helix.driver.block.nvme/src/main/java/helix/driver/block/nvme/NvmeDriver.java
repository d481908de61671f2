package helix.driver.block.nvme;

import helix.driver.block.nvme.Controller.Phase;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Event;
import helix.modules.api.Idle;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.Request;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// The driver of one NVM Express controller: its life as a module of the platform.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "NVM Express controllers", match = "(pci.class=010802)")
public final class NvmeDriver implements Module {
    private final PciDevice device;
    private final MmioService mmio;
    private final IrqService irqs;
    private final DmaService dma;
    private final PciService pci;
    private final Settings settings;

    private @Nullable Parts parts;

    /// What a generation consists of.
    private record Parts(
            ModuleContext context,
            Controller controller,
            Namespaces namespaces,
            AsyncEvents events,
            Watch watch,
            DriverRequests requests) {}

    /// Called by Declarative Services, for one device.
    ///
    /// @param device the controller's PCI function
    /// @param mmio maps its registers
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    /// @param pci lets it be master of the bus
    @Activate
    public NvmeDriver(
            @Reference PciDevice device,
            @Reference MmioService mmio,
            @Reference IrqService irqs,
            @Reference DmaService dma,
            @Reference PciService pci) {
        this(device, mmio, irqs, dma, pci, Settings.standard());
    }

    NvmeDriver(
            PciDevice device,
            MmioService mmio,
            IrqService irqs,
            DmaService dma,
            PciService pci,
            Settings settings) {
        this.device = device;
        this.mmio = mmio;
        this.irqs = irqs;
        this.dma = dma;
        this.pci = pci;
        this.settings = settings;
    }

    @Override
    public void init(ModuleContext context) {
        Hal hal = new Hal(context.name(), device, context.lease(), mmio, irqs, dma, pci);
        Controller controller = new Controller(hal, settings);
        controller.initialize();
        Namespaces namespaces = new Namespaces(controller, context, new PlainCalls(controller));
        namespaces.scan(settings.adminTimeout());
        AsyncEvents events = new AsyncEvents(controller, namespaces);
        parts =
                new Parts(
                        context,
                        controller,
                        namespaces,
                        events,
                        new Watch(controller, namespaces, events, context),
                        new DriverRequests(controller, namespaces));
    }

    @Override
    public void start() {
        Parts p = parts();
        ModuleContext.AgentHandle agent =
                p.context().agent("watch", p.watch(), Idle.every(settings.watchPeriod()));
        p.controller().watchWaker(agent::wakeUp);
        p.controller().interrupts().start(agent::wakeUp, p.controller().pairs());
        p.events().enable(settings.adminTimeout());
        p.controller().phase(Phase.RUNNING);
        p.namespaces().publishAll();
    }

    @Override
    public void stop() {
        Parts p = parts;
        if (p == null) {
            return;
        }
        Controller controller = p.controller();
        controller.watchWaker(() -> {});
        if (controller.isGone()) {
            return;
        }
        controller.pairs().freezeAll();
        try {
            controller.shutDown();
            p.watch().stopped(true);
            controller.interrupts().close();
        } catch (DeviceGoneException e) {
            controller.phase(Phase.NEW);
            controller.gone(e.getMessage());
        } catch (DeviceException e) {
            p.watch().stopped(false);
            throw e;
        }
    }

    @Override
    public void handleEvent(Event event) {
        if (event instanceof Event.DeviceRemoved) {
            parts().watch().removed();
        }
    }

    @Override
    public Object handleRequest(Request request) {
        return parts().requests().answer(request);
    }

    @Override
    public Health health() {
        Parts p = parts();
        Phase phase = p.controller().phase();
        return switch (phase) {
            case GONE, FAILED, STOPPED -> Health.failed("controller is " + phase);
            case DISABLING, ENABLING -> new Health(true, "controller is being reset");
            case NEW, RUNNING -> new Health(true, detail(p));
        };
    }

    private static String detail(Parts p) {
        String refusals = p.namespaces().refusals();
        long resets = p.watch().resets();
        if (resets == 0) {
            return refusals;
        }
        String count = "controller was reset " + resets + (resets == 1 ? " time" : " times");
        return refusals.isEmpty() ? count : count + "; " + refusals;
    }

    /// CAP.TO allows 127.5 s for each of the two transitions of CSTS.RDY in `init`; those waits
    /// have their own deadlines, so this only has to be longer.
    @Override
    public Duration limit(Step step) {
        return switch (step) {
            case INIT -> Duration.ofSeconds(270);
            case START -> Duration.ofSeconds(30);
            case STOP -> Duration.ofSeconds(170);
        };
    }

    private Parts parts() {
        Parts p = parts;
        if (p == null) {
            throw new IllegalStateException("not initialized");
        }
        return p;
    }
}
