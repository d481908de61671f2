package helix.driver.block.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.driver.api.block.BlockDevice;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaService;
import helix.hal.api.IrqService;
import helix.modules.api.DriverModule;
import helix.modules.api.Event;
import helix.modules.api.Idle;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.Request;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The driver of one virtio block device: its life as a module of the platform.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(
        name = "virtio-blk",
        description = "Virtio block devices",
        match = "(virtio.device=2)",
        prefix = "vblk")
public final class VirtioBlockDriver implements Module {
    private static final Logger LOG = LoggerFactory.getLogger(VirtioBlockDriver.class);

    private final Function<ModuleContext, Hal> hals;
    private final Settings settings;
    private @Nullable ModuleContext context;
    private @Nullable Generation generation;

    /// Called by Declarative Services, for one device.
    ///
    /// @param device the virtio device
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    @Activate
    public VirtioBlockDriver(
            @Reference VirtioDevice device, @Reference IrqService irqs, @Reference DmaService dma) {
        this(
                platform -> new DeviceHal(platform.name(), device, platform.lease(), irqs, dma),
                Settings.standard());
    }

    /// @param hals gives what the driver needs of the platform for its one device
    VirtioBlockDriver(Function<ModuleContext, Hal> hals, Settings settings) {
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
        BlkState saved = BlkState.of(state);
        generation = Generation.takeOver(hals.apply(platform), settings, saved, platform::fail);
        // No louder: clients wait, and the platform tells of the new generation.
        LOG.debug("{}: taken over with {} queues", platform.name(), saved.rings().size());
    }

    @Override
    public void start() {
        Generation g = generation();
        ModuleContext platform = context();
        ModuleContext.AgentHandle agent =
                platform.agent("watch", g.watch(), Idle.every(settings.watchPeriod()));
        g.device().watch(agent::wakeUp);
        g.device().interrupts().start(g.device(), agent::wakeUp);
        ModuleContext.Registration _ =
                platform.publish(
                        BlockDevice.class,
                        g.disk(),
                        Map.of(
                                BlockDevice.NAME,
                                platform.name(),
                                BlockDevice.IDENTITY,
                                g.disk().identity().key()));
    }

    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        return Optional.of(BlkState.SCHEMA);
    }

    @Override
    public void rehearse(Rehearsal scratch) throws Exception {
        new DriverRehearsal(scratch, settings).run();
    }

    @Override
    public Optional<ModuleState> saveState() {
        return generation().handOver().map(BlkState::toModuleState);
    }

    @Override
    public void stop() {
        Generation g = generation;
        if (g == null) {
            return;
        }
        BlkDevice device = g.device();
        device.watch(() -> {});
        if (device.isGone()) {
            return;
        }
        try {
            device.stop();
        } catch (DeviceGoneException e) {
            LOG.debug("{}: gone while it was stopped: {}", device.hal().name(), e.getMessage());
            device.gone();
        }
    }

    @Override
    public void handleEvent(Event event) {
        if (event instanceof Event.DeviceRemoved) {
            generation().device().gone();
        }
    }

    /// Answers `info`: what was negotiated, queues, entries, how interrupts arrive.
    @Override
    public Object handleRequest(Request request) {
        if (!request.name().equals("info")) {
            throw new ModuleError("no request '%s' here; there is: info".formatted(request.name()));
        }
        BlkDevice device = generation().device();
        return Map.of(
                "features",
                "0x" + Long.toHexString(device.config().features()),
                "queues",
                (long) device.rings().length,
                "entries",
                (long) device.rings()[0].size(),
                "segments",
                (long) device.segments(),
                "interrupts",
                device.interrupts().kind(),
                "vectors",
                (long) device.interrupts().count());
    }

    @Override
    public Health health() {
        BlkDevice device = generation().device();
        String fault = device.fault();
        if (device.isGone()) {
            return Health.failed("device is gone");
        }
        if (fault != null) {
            return Health.failed(fault);
        }
        return Health.OK;
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
