package helix.driver.net.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkStatistics;
import helix.driver.net.virtio.Adapter.Phase;
import helix.hal.api.DeviceException;
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
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The driver of one virtio network device: its life as a module of the platform.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(
        name = "virtio-net",
        description = "Virtio network devices",
        match = "(virtio.device=1)",
        prefix = "vnet")
public final class VirtioNetDriver implements Module {
    private static final Logger LOG = LoggerFactory.getLogger(VirtioNetDriver.class);

    private final Function<ModuleContext, Hal> hals;
    private final Settings settings;

    private @Nullable ModuleContext context;
    private @Nullable Parts parts;
    private boolean takenOver;

    /// What one generation consists of.
    private record Parts(Adapter adapter, PlainCalls plain, Watch watch, VirtioNetDevice device) {
        static Parts of(Adapter adapter) {
            PlainCalls plain = new PlainCalls(adapter);
            Watch watch = new Watch(adapter);
            return new Parts(adapter, plain, watch, new VirtioNetDevice(adapter, plain, watch));
        }
    }

    /// Called by Declarative Services, for one device.
    ///
    /// @param device the virtio device
    /// @param irqs gives its interrupts
    /// @param dma gives it memory
    @Activate
    public VirtioNetDriver(
            @Reference VirtioDevice device, @Reference IrqService irqs, @Reference DmaService dma) {
        this(
                platform -> new DeviceHal(platform.name(), device, platform.lease(), irqs, dma),
                Settings.standard());
    }

    /// @param hals gives what the driver needs of the platform for its one device
    VirtioNetDriver(Function<ModuleContext, Hal> hals, Settings settings) {
        this.hals = hals;
        this.settings = settings;
    }

    @Override
    public void init(ModuleContext platform) {
        context = platform;
        if (!platform.takesOver()) {
            parts = Parts.of(new Adapter(hals.apply(platform), settings, platform::fail));
        }
    }

    @Override
    public void restoreState(ModuleState state) {
        ModuleContext platform = context();
        if (!state.schema().equals(NetState.SCHEMA.name())
                || state.version() != NetState.SCHEMA.version()) {
            throw new ModuleError(
                    "%s: no state of schema %s version %d is taken over here"
                            .formatted(platform.name(), state.schema(), state.version()));
        }
        if (!state.isIntact()) {
            throw new ModuleError(platform.name() + ": the state is damaged");
        }
        NetState saved = NetState.of(state);
        try {
            Adapter adapter = new Adapter(hals.apply(platform), settings, saved, platform::fail);
            adapter.queues().expect(saved.queues());
            parts = Parts.of(adapter);
            takenOver = true;
        } catch (DeviceException | IllegalArgumentException e) {
            throw new ModuleError(platform.name() + ": cannot be taken over: " + e.getMessage(), e);
        }
    }

    @Override
    public void start() {
        Parts p = parts();
        Adapter adapter = p.adapter;
        ModuleContext platform = context();
        ModuleContext.AgentHandle agent =
                platform.agent("watch", p.watch, Idle.every(settings.watchPeriod()));
        p.watch.waker(agent::wakeUp);
        adapter.interrupts()
                .start(adapter.transport(), p.watch::configChanged, adapter.queues()::signal);
        if (!takenOver) {
            LOG.info(
                    "{}: {} MTU {}, {} queue pairs, interrupts {} x {}",
                    adapter.name(),
                    NetConfig.text(adapter.mac()),
                    adapter.mtu(),
                    adapter.limits().rxQueues(),
                    adapter.interrupts().count(),
                    adapter.interrupts().kind());
        }
        platform.publish(
                NetworkDevice.class,
                p.device,
                Map.of(NetworkDevice.IDENTITY, NetConfig.text(adapter.mac())));
    }

    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        return Optional.of(NetState.SCHEMA);
    }

    @Override
    public void rehearse(Rehearsal scratch) {
        new DriverRehearsal(scratch, settings).run();
    }

    @Override
    public Optional<ModuleState> saveState() {
        Parts p = parts();
        p.plain.release();
        return p.adapter
                .queues()
                .handOver(clients -> p.adapter.save(p.watch.now(), clients))
                .map(NetState::toModuleState);
    }

    @Override
    public void stop() {
        Parts p = parts;
        if (p == null || p.adapter.phase() == Phase.STOPPED) {
            return;
        }
        p.watch.waker(() -> {});
        try {
            p.plain.release();
            p.adapter.stop();
        } catch (DeviceGoneException e) {
            LOG.debug("{}: gone before it was stopped", p.adapter.name(), e);
        }
    }

    @Override
    public void handleEvent(Event event) {
        if (event instanceof Event.DeviceRemoved) {
            parts().adapter.fail("the device is gone", new DeviceGoneException("removed"));
        }
    }

    @Override
    public Object handleRequest(Request request) {
        Adapter adapter = parts().adapter;
        return switch (request.name()) {
            case "info" -> info(adapter);
            case "statistics" -> statistics(adapter);
            default ->
                    throw new ModuleError(
                            "%s: no request '%s' (there are info, statistics)"
                                    .formatted(adapter.name(), request.name()));
        };
    }

    private static Map<String, Object> info(Adapter adapter) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("mac", NetConfig.text(adapter.mac()));
        document.put("mtu", adapter.mtu());
        document.put("features", Long.toHexString(adapter.features()));
        document.put("queuePairs", adapter.limits().rxQueues());
        document.put("queueSize", adapter.limits().maxDepth());
        document.put("interrupts", adapter.interrupts().kind());
        document.put("vectors", adapter.interrupts().count());
        return document;
    }

    private static Map<String, Object> statistics(Adapter adapter) {
        NetworkStatistics s = adapter.queues().statistics();
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("rxFrames", s.rxFrames());
        document.put("rxBytes", s.rxBytes());
        document.put("rxErrors", s.rxErrors());
        document.put("rxNoBuffer", s.rxNoBuffer());
        document.put("txFrames", s.txFrames());
        document.put("txBytes", s.txBytes());
        document.put("txErrors", s.txErrors());
        document.put("interrupts", s.interrupts());
        document.put("doorbells", s.doorbells());
        return document;
    }

    @Override
    public Health health() {
        Parts p = parts();
        Phase phase = p.adapter.phase();
        if (phase == Phase.FAILED || phase == Phase.STOPPED || phase == Phase.PASSED) {
            return Health.failed("device is " + phase);
        }
        int unclaimed = p.adapter.queues().unclaimed();
        List<String> details =
                unclaimed == 0 ? List.of() : List.of("queues that nobody took over: " + unclaimed);
        return new Health(true, String.join("; ", details));
    }

    /// A device behind a socket waits for its peer while features are agreed upon.
    @Override
    public Duration limit(Step step) {
        return step == Step.START ? Duration.ofSeconds(10) : settings.resetTimeout().plusSeconds(6);
    }

    /// The device as clients get it.
    NetworkDevice device() {
        return parts().device;
    }

    /// Looks after the device.
    Watch watch() {
        return parts().watch;
    }

    private Parts parts() {
        Parts p = parts;
        if (p == null) {
            throw new IllegalStateException("not initialized");
        }
        return p;
    }

    private ModuleContext context() {
        ModuleContext platform = context;
        if (platform == null) {
            throw new IllegalStateException("not initialized");
        }
        return platform;
    }
}
