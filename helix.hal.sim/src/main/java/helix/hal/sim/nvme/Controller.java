package helix.hal.sim.nvme;

import helix.hal.api.DeviceException;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DmaPort;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// The parts of a controller, and what concerns several of them.
final class Controller {
    /// Fetched from one queue in one go.
    private static final int BURST = 64;

    private static final int AWAKE_TICKS = 256;

    final ControllerRegisters registers;
    final Queues queues;
    final InFlight flight;
    final Interrupts interrupts;
    final AdminCommands admin;
    final IoCommands io;
    final Features features;
    final AsyncEvents events;
    final LogPages logs;
    final Smart smart = new Smart();
    final Faults faults;
    private final NvmeOptions options;
    private final Backing medium;
    private final List<Namespace> namespaces = new ArrayList<>();
    private final RandomGenerator random;
    private @Nullable DeviceContext context;
    private @Nullable DmaPort dma;
    private int epoch;
    private boolean powered = true;
    private boolean waking;
    private int idle;
    private long wakeAt;

    Controller(NvmeOptions options) {
        this.options = options;
        random = new SplittableRandom(options.seed());
        medium = open(options);
        registers = new ControllerRegisters(this, options);
        queues = new Queues(this, options.queues());
        flight = new InFlight(this, options.shuffled(), options.seed());
        interrupts = new Interrupts(this);
        admin = new AdminCommands(this, options);
        io = new IoCommands(this, options);
        features = new Features(this, options);
        events = new AsyncEvents(this);
        logs = new LogPages(this);
        faults = new Faults(this);
        divide();
    }

    private static Backing open(NvmeOptions options) {
        return switch (options.kind()) {
            case "null" -> new Backing.Null(options.size());
            case "mem" -> new Backing.Memory(options.size());
            default -> {
                if (options.file() == null) {
                    throw new DeviceException("no file");
                }
                yield new Backing.File(options.file(), options.size());
            }
        };
    }

    private void divide() {
        int count = options.namespaces();
        long part = count == 1 ? medium.size() : medium.size() / count & -4096L;
        int shift = Integer.numberOfTrailingZeros(options.blockSize());
        if (part >>> shift == 0) {
            medium.close();
            throw new DeviceException("medium too small for " + count + " namespaces");
        }
        for (int i = 0; i < count; i++) {
            namespaces.add(new Namespace(i + 1, medium, i * part, part, shift, options.cache()));
        }
    }

    void powerOn(DeviceContext device) {
        context = device;
        dma = device.dma();
        smart.powerCycle();
    }

    DeviceContext context() {
        DeviceContext known = context;
        if (known == null) {
            throw new IllegalStateException("controller has no power yet");
        }
        return known;
    }

    DmaPort dma() {
        DmaPort known = dma;
        if (known == null) {
            throw new IllegalStateException("controller has no power yet");
        }
        return known;
    }

    NvmeOptions options() {
        return options;
    }

    RandomGenerator random() {
        return random;
    }

    boolean isPowered() {
        return powered;
    }

    /// Counts what ends all commands at once.
    int epoch() {
        return epoch;
    }

    void violation(String rule, String detail) {
        context().violation(rule, detail);
    }

    void log(String what) {
        logs.note(what);
    }

    // ---- Namespaces

    List<Namespace> namespaces() {
        return namespaces;
    }

    /// The active namespace of an identifier, null if it is invalid or inactive.
    @Nullable Namespace namespace(int nsid) {
        if (nsid < 1 || nsid > namespaces.size()) {
            return null;
        }
        Namespace namespace = namespaces.get(nsid - 1);
        return namespace.attached ? namespace : null;
    }

    /// Why there is no active namespace of an identifier. Base 2.0, section 3.2.1.5.
    int missingNamespace(int nsid) {
        return nsid >= 1 && nsid <= namespaces.size()
                ? Status.INVALID_FIELD
                : Status.INVALID_NAMESPACE_OR_FORMAT;
    }

    void flushAll() {
        for (Namespace namespace : namespaces) {
            namespace.flush();
        }
    }

    /// Tells the driver of a temperature beyond its thresholds, if it asked for that.
    void checkTemperature() {
        int warning = logs.criticalWarning();
        if (warning != 0) {
            events.health(AsyncEvents.TEMPERATURE, warning);
        }
    }

    // ---- Work

    /// Asks for a tick at a time. The machine keeps one; all that wait ask again at each tick, so
    /// that the earliest is kept.
    void wakeAt(long nanos) {
        if (!waking || nanos - wakeAt < 0) {
            waking = true;
            wakeAt = nanos;
            context().wakeAt(nanos);
        }
    }

    int tick() {
        if (!powered) {
            return 0;
        }
        long now = context().nanos();
        waking = false;
        int done = registers.advance(now);
        if (!registers.isReady()) {
            return done;
        }
        done += queues.fetch(flight, BURST);
        done += flight.run(now);
        CompletionQueue[] completed = queues.completionQueues();
        interrupts.deliver(completed, completed.length, now);
        queues.endTick();
        if (done != 0) {
            idle = 0;
            return done;
        }
        return staysAwake() || queues.sleep() ? 1 : 0;
    }

    /// A driver that takes a completion often sends its next command at once: doorbells in memory
    /// are looked at for a while before it has to write a register again.
    private boolean staysAwake() {
        if (idle >= AWAKE_TICKS || !queues.hasShadow()) {
            return false;
        }
        idle++;
        return true;
    }

    /// Notes a command that failed.
    void failed(Command command) {
        logs.failed(command);
    }

    // ---- Resets

    /// All queues and commands are gone; Base 2.0, section 3.7.2.
    void clear() {
        epoch++;
        flight.clear();
        queues.clear();
        interrupts.reset();
        features.reset();
        events.reset();
        faults.controllerReset();
    }

    void prepareShutdown() {
        flushAll();
        smart.shutDown();
    }

    void reset() {
        clear();
        registers.reset();
    }

    /// Power is lost now: what was not flushed is lost or not, block by block, and the controller
    /// is gone until [#restorePower].
    int cutPower() {
        int lost = 0;
        for (Namespace namespace : namespaces) {
            lost += namespace.losePower(random);
        }
        smart.powerLost(registers.shutdownNotified() != 0);
        reset();
        powered = false;
        context().losePower(faults.outageNanos());
        return lost;
    }

    /// Ends a loss of power before its time.
    void restorePower() {
        powerReturned();
        context().restorePower();
    }

    /// The function has power again.
    void powerReturned() {
        if (!powered) {
            powered = true;
            smart.powerCycle();
        }
    }

    Map<String, Long> counters() {
        return Map.of(
                "completed", flight.completed(),
                "out-of-order", flight.outOfOrder(),
                "wraps", queues.wraps());
    }

    void close() {
        for (Namespace namespace : namespaces) {
            namespace.close();
        }
        medium.close();
    }
}
