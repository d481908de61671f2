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
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The driver of one NVM Express controller: its life as a module of the platform.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(name = "nvme", description = "NVM Express controllers", match = "(pci.class=010802)")
public final class NvmeDriver implements Module {
    private static final Logger LOG = LoggerFactory.getLogger(NvmeDriver.class);

    private final Function<ModuleContext, Hal> hals;
    private final Settings settings;

    private @Nullable ModuleContext context;
    private @Nullable Generation generation;
    private boolean takenOver;

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
        this(
                platform ->
                        new DeviceHal(
                                platform.name(), device, platform.lease(), mmio, irqs, dma, pci),
                settings);
    }

    /// @param hals gives what the driver needs of the platform for its one device
    NvmeDriver(Function<ModuleContext, Hal> hals, Settings settings) {
        this.hals = hals;
        this.settings = settings;
    }

    @Override
    public void init(ModuleContext platform) {
        context = platform;
        if (!platform.takesOver()) {
            generation = Generation.bringUp(hals.apply(platform), settings, platform::fail);
        }
    }

    @Override
    public void restoreState(ModuleState state) {
        ModuleContext platform = context();
        if (!state.schema().equals(ControllerState.SCHEMA.name())
                || state.version() != ControllerState.SCHEMA.version()) {
            throw new ModuleError(
                    "%s: no state of schema %s version %d is taken over here"
                            .formatted(platform.name(), state.schema(), state.version()));
        }
        if (!state.isIntact()) {
            throw new ModuleError(platform.name() + ": the state is damaged");
        }
        ControllerState saved = ControllerState.of(state);
        generation = Generation.takeOver(hals.apply(platform), settings, saved, platform::fail);
        takenOver = true;
        // No louder: clients wait, and the platform tells of the new generation.
        LOG.debug(
                "{}: taken over with {} queues and {} commands in flight",
                platform.name(),
                saved.queues().size(),
                saved.commandsInFlight());
    }

    @Override
    public void start() {
        Generation g = generation();
        Controller controller = g.controller();
        ModuleContext platform = context();
        ModuleContext.AgentHandle agent =
                platform.agent("watch", g.watch(), Idle.every(settings.watchPeriod()));
        controller.watchWaker(agent::wakeUp);
        controller.interrupts().start(agent::wakeUp, controller.pairs());
        if (!takenOver) {
            g.events().enable(settings.adminTimeout());
        }
        controller.phase(Phase.RUNNING);
        g.namespaces().publishAll(platform);
    }

    /// A controller with one I/O queue pair shares it under a lock that no hand-over takes part in.
    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        Generation g = generation;
        return g != null && g.controller().pairs().isSingle()
                ? Optional.empty()
                : Optional.of(ControllerState.SCHEMA);
    }

    @Override
    public void rehearse(Rehearsal scratch) throws Exception {
        new DriverRehearsal(scratch, settings).run();
    }

    @Override
    public Optional<ModuleState> saveState() {
        return generation().handOver().map(ControllerState::toModuleState);
    }

    @Override
    public void stop() {
        Generation g = generation;
        if (g == null) {
            return;
        }
        Controller controller = g.controller();
        controller.watchWaker(() -> {});
        if (controller.isGone()) {
            return;
        }
        controller.pairs().freezeAll();
        try {
            controller.shutDown();
            g.watch().stopped(true);
            controller.interrupts().close();
        } catch (DeviceGoneException e) {
            if (controller.hal().isPresent()) {
                // Off the bus for now: what is in flight waits for the reset of the release.
                controller.pairs().loseAll();
                throw e;
            }
            controller.phase(Phase.NEW);
            controller.gone(e.getMessage());
        } catch (DeviceException e) {
            g.watch().stopped(false);
            throw e;
        }
    }

    @Override
    public void handleEvent(Event event) {
        if (event instanceof Event.DeviceRemoved) {
            generation().watch().removed();
        }
    }

    @Override
    public Object handleRequest(Request request) {
        Generation g = generation();
        return new DriverRequests(g.controller(), g.namespaces()).answer(request);
    }

    @Override
    public Health health() {
        Generation g = generation();
        Phase phase = g.controller().phase();
        return switch (phase) {
            case GONE, FAILED, STOPPED, PASSED -> Health.failed("controller is " + phase);
            case DISABLING, ENABLING -> new Health(true, "controller is being reset");
            case NEW, RUNNING -> new Health(true, detail(g));
        };
    }

    private static String detail(Generation g) {
        List<String> details = new ArrayList<>();
        long resets = g.watch().resets();
        if (resets > 0) {
            details.add("controller was reset " + resets + (resets == 1 ? " time" : " times"));
        }
        int unclaimed = g.watch().unclaimed();
        if (unclaimed > 0) {
            details.add("queues that nobody took over: " + unclaimed);
        }
        String refusals = g.namespaces().refusals();
        if (!refusals.isEmpty()) {
            details.add(refusals);
        }
        return String.join("; ", details);
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

    /// What this instance consists of, once it is initialized.
    Generation generation() {
        Generation g = generation;
        if (g == null) {
            throw new IllegalStateException("not initialized");
        }
        return g;
    }

    private ModuleContext context() {
        ModuleContext platform = context;
        if (platform == null) {
            throw new IllegalStateException("not initialized");
        }
        return platform;
    }
}
