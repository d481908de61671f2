package helix.hal.sim;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaRemapping;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.PciHost;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import helix.posix.SharedMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The embedded machine: a PCI Express hierarchy inside this JVM, whose devices are models.
///
/// Threaded, each function works on a thread of its own. Stepped, nothing works unless [#step()] or
/// [#advance(Duration)] is called, in an order and with chances that the seed decides, and time is
/// virtual; register accesses work on the thread that makes them either way.
public final class SimMachine implements Machine, AutoCloseable {
    /// Its name.
    public static final String NAME = "sim";

    /// Where its memory begins for devices: below 4 GiB, so that an address fits any device's
    /// registers, and not 0.
    public static final long DMA_BASE = 0x1000_0000L;

    /// Bytes of memory unless said otherwise.
    public static final long DEFAULT_MEMORY = 256L << 20;

    /// What would reach into the registers' windows.
    private static final long MEMORY_LIMIT = 0xC000_0000L - DMA_BASE;

    private static final Duration ARENA_LIMIT = Duration.ofSeconds(2);
    private static final Logger LOG = LoggerFactory.getLogger(SimMachine.class);

    private final Arena arena = Arena.ofShared();
    private final SharedMemory ram;
    private final MemorySegment memory;
    private final DmaWindow window;
    private final boolean remapped;
    private final MessagePool messages = new MessagePool();
    private final SimLines lines = new SimLines();
    private final RootComplex complex = new RootComplex();
    private final Reports reports = new Reports();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final SimBoard board;
    private final SimControl control;
    private final SimClock clock;
    private volatile Status status = new Status(State.READY, "");
    private final AtomicBoolean open = new AtomicBoolean(true);

    /// Something the driver did that the device's specification does not allow.
    ///
    /// @param function the id of the function
    /// @param rule a short name with the section
    /// @param detail what was done
    public record Violation(String function, String rule, String detail) {
        @Override
        public String toString() {
            return function + ": " + rule + ": " + detail;
        }
    }

    /// An access to memory that was refused.
    ///
    /// @param function the id of the function
    /// @param address the device address of the first byte
    /// @param length in bytes
    /// @param write whether the device would have written
    /// @param reason why not
    public record DmaFault(
            String function, long address, long length, boolean write, String reason) {
        @Override
        public String toString() {
            return "%s: DMA %s 0x%x + 0x%x refused: %s"
                    .formatted(function, write ? "write to" : "read of", address, length, reason);
        }
    }

    private SimMachine(Builder builder) {
        remapped = builder.remapped;
        clock = new SimClock(builder.stepped);
        ram = SharedMemory.create("helix-sim", builder.memory);
        memory = ram.map(arena);
        window = new DmaWindow(DMA_BASE, memory, ram.fd(), 0);
        board =
                new SimBoard(
                        complex,
                        new Platform(),
                        id -> new FunctionDma(id, memory, DMA_BASE, remapped, reports),
                        builder.seed,
                        builder.stepped,
                        builder.rootPorts);
        control = new SimControl(this, board, builder.factories);
    }

    /// Begins to describe a machine.
    ///
    /// @return a builder: threaded, four root ports, an IOMMU, no devices
    public static Builder builder() {
        return new Builder();
    }

    /// Describes a machine.
    public static final class Builder {
        private final List<Consumer<SimMachine>> plugs = new ArrayList<>();
        private long memory = DEFAULT_MEMORY;
        private long seed = 1;
        private boolean stepped;
        private boolean remapped = true;
        private int rootPorts = 4;
        private Supplier<? extends Collection<ModelFactory>> factories = List::of;

        private Builder() {}

        /// Sets what all chances begin with.
        ///
        /// @param value 1 unless set
        /// @return this
        public Builder seed(long value) {
            seed = value;
            return this;
        }

        /// Sets the size of the memory.
        ///
        /// @param bytes a multiple of 4096, up to 2816 MiB
        /// @return this
        public Builder memory(long bytes) {
            if (bytes <= 0 || bytes > MEMORY_LIMIT || bytes % 4096 != 0) {
                throw new DeviceException(
                        "the memory of machine sim cannot have %d bytes: up to %d, in pages of 4096"
                                .formatted(bytes, MEMORY_LIMIT));
            }
            memory = bytes;
            return this;
        }

        /// Lets functions work in [SimMachine#step()] only, in virtual time.
        ///
        /// @return this
        public Builder stepped() {
            stepped = true;
            return this;
        }

        /// Lets functions work on their own threads.
        ///
        /// @return this
        public Builder threaded() {
            stepped = false;
            return this;
        }

        /// Leaves the IOMMU out: functions reach all memory.
        ///
        /// @return this
        public Builder withoutIommu() {
            remapped = false;
            return this;
        }

        /// Sets how many root ports with hot-plug slots there are.
        ///
        /// @param count 0 to 8; 4 unless set
        /// @return this
        public Builder rootPorts(int count) {
            rootPorts = count;
            return this;
        }

        /// Plugs a device into the root bus, where it stays.
        ///
        /// @param id its id
        /// @param model what it is
        /// @return this
        public Builder plug(String id, DeviceModel model) {
            plugs.add(m -> m.board.addToBus(id, model));
            return this;
        }

        /// Plugs a device into the first free slot.
        ///
        /// @param id its id
        /// @param model what it is
        /// @return this
        public Builder plugIntoSlot(String id, DeviceModel model) {
            plugs.add(m -> m.board.insert(id, model, false));
            return this;
        }

        /// Plugs a device of a kind that a factory knows.
        ///
        /// @param kind the kind's name
        /// @param id its id
        /// @param intoSlot whether into the first free slot, else on the root bus
        /// @param options as the kind takes them
        /// @return this
        public Builder plug(String kind, String id, boolean intoSlot, Map<String, String> options) {
            plugs.add(m -> m.control.plug(kind, id, intoSlot, options));
            return this;
        }

        /// Sets the kinds that can be plugged by name.
        ///
        /// @param kinds asked whenever one is wanted
        /// @return this
        public Builder factories(Supplier<? extends Collection<ModelFactory>> kinds) {
            factories = kinds;
            return this;
        }

        /// Builds the machine and switches it on.
        ///
        /// @return the machine, to be closed
        /// @throws DeviceException if a device does not fit, with the reason
        public SimMachine build() {
            SimMachine machine = new SimMachine(this);
            try {
                plugs.forEach(plug -> plug.accept(machine));
                return machine;
            } catch (RuntimeException e) {
                machine.close();
                throw e;
            }
        }
    }

    private final class Platform implements SimFunction.Platform {
        @Override
        public long nanos() {
            return clock.nanos();
        }

        @Override
        public Reports reports() {
            return reports;
        }

        @Override
        public MessagePool messages() {
            return messages;
        }

        @Override
        public SimLines lines() {
            return lines;
        }

        @Override
        public void decodingChanged() {
            complex.route();
        }

        @Override
        public void failed(SimFunction function) {
            board.failed(function);
            pciChanged();
        }

        @Override
        public void supplied(SimFunction function, boolean on) {
            board.supplied(function, on);
            pciChanged();
        }
    }

    /// Tells listeners that functions may have come or gone.
    void pciChanged() {
        tell(Listener::pciChanged);
    }

    private void tell(Consumer<Listener> message) {
        for (Listener listener : listeners) {
            try {
                message.accept(listener);
            } catch (RuntimeException e) {
                LOG.error("a listener of machine {} failed", NAME, e);
            }
        }
    }

    // ---- stepping

    /// Lets each function work once, in an order that the seed decides, and moves time by a
    /// microsecond. For a stepped machine.
    ///
    /// @return how much was done
    public int step() {
        clock.advance(SimClock.STEP_NANOS);
        return board.step();
    }

    /// Steps until nothing is done any more.
    ///
    /// @param most how many steps at most
    /// @return how much was done
    /// @throws DeviceException if something is still done then
    public int settle(int most) {
        int done = 0;
        for (int i = 0; i < most; i++) {
            int now = step();
            if (now == 0 && !board.isAnyWanted()) {
                return done;
            }
            done += now;
        }
        throw new DeviceException("devices are still busy after " + most + " steps");
    }

    /// Moves time and steps once. For a stepped machine.
    ///
    /// @param time how far
    /// @return how much was done
    public int advance(Duration time) {
        clock.advance(time.toNanos());
        return step();
    }

    /// The machine's time, as models see it.
    ///
    /// @return nanoseconds from an arbitrary origin
    public long nanos() {
        return clock.nanos();
    }

    // ---- what a test asks for

    /// What a person can do to the machine.
    ///
    /// @return its other face
    public MachineControl control() {
        return control;
    }

    /// Plugs a device into the first free slot while the machine runs.
    ///
    /// @param id its id
    /// @param model what it is
    /// @throws DeviceException if it cannot be, with the reason
    public void plug(String id, DeviceModel model) {
        board.insert(id, model, true);
        pciChanged();
    }

    /// Pulls a device out without notice, wherever it is. Nothing of it is reachable when this
    /// returns.
    ///
    /// @param id its id
    /// @throws DeviceException if there is none
    public void pull(String id) {
        board.pull(id);
        pciChanged();
    }

    /// Where a device is.
    ///
    /// @param id its id
    /// @return its device number on the root bus, or that of the root port above it
    /// @throws DeviceException if there is none
    public int deviceNumber(String id) {
        return board.device(id);
    }

    SimFunction function(String id) {
        return board.function(id);
    }

    /// What can go wrong with a device.
    ///
    /// @param id its id
    /// @return faults of any device
    /// @throws DeviceException if there is none
    public SimFaults faults(String id) {
        return new SimFaults(board.function(id));
    }

    /// What a device's model counted.
    ///
    /// @param id its id
    /// @return as the model has it
    /// @throws DeviceException if there is none
    public Map<String, Long> counters(String id) {
        SimFunction function = board.function(id);
        return function.locked(_ -> function.model().counters());
    }

    /// What drivers did that they may not do: the first ones.
    ///
    /// @return in the order they happened
    public List<Violation> violations() {
        return reports.violations();
    }

    /// How many there were of them.
    ///
    /// @return a count
    public long violationCount() {
        return reports.violationCount();
    }

    /// What devices were kept from: the first accesses that were refused.
    ///
    /// @return in the order they happened
    public List<DmaFault> iommuFaults() {
        return reports.dmaFaults();
    }

    /// How many there were of them.
    ///
    /// @return a count
    public long iommuFaultCount() {
        return reports.dmaFaultCount();
    }

    /// Models that threw something.
    ///
    /// @return function and exception
    public List<String> failures() {
        return reports.failures();
    }

    /// Forgets violations, refused accesses and failures.
    public void clearReports() {
        reports.clear();
    }

    // ---- what the HAL asks for

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Status status() {
        Status now = status;
        String complaints = reports.summary();
        return now.state() != State.READY || complaints.isEmpty()
                ? now
                : new Status(State.READY, complaints);
    }

    @Override
    public Optional<PciHost> pci() {
        return Optional.of(complex);
    }

    @Override
    public Optional<BusAccess> ports() {
        return Optional.of(complex.ports());
    }

    @Override
    public List<DmaWindow> dmaWindows() {
        return List.of(window);
    }

    @Override
    public Optional<DmaRemapping> remapping() {
        return remapped ? Optional.of(new Remapping()) : Optional.empty();
    }

    private final class Remapping implements DmaRemapping {
        @Override
        public long granule() {
            return DmaDomain.GRANULE;
        }

        @Override
        public Domain attach(int bus, int devfn) {
            ConfigTarget target = complex.at(bus, devfn);
            if (target instanceof RootPort) {
                return new NoDomain();
            }
            if (!(target instanceof SimFunction function)) {
                throw new DeviceException(
                        "no function answers at bus %x, devfn %x".formatted(bus, devfn));
            }
            DmaDomain domain = new DmaDomain(DMA_BASE, memory.byteSize(), function);
            function.dma().attach(domain);
            return domain;
        }
    }

    /// Of a root port, which forwards and never accesses memory itself.
    private static final class NoDomain implements DmaRemapping.Domain {
        @Override
        public void map(long deviceAddress, long size) {}

        @Override
        public void unmap(long deviceAddress, long size) {}

        @Override
        public void close() {}
    }

    @Override
    public MessageInterrupts messages() {
        return messages;
    }

    @Override
    public InterruptLines lines() {
        return lines;
    }

    @Override
    public List<PlatformResource> platformDevices() {
        return List.of();
    }

    @Override
    public Subscription listen(Listener listener) {
        // A wrapper, so that a listener subscribed twice can be ended twice.
        Listener entry =
                new Listener() {
                    @Override
                    public void statusChanged(Status next) {
                        listener.statusChanged(next);
                    }

                    @Override
                    public void pciChanged() {
                        listener.pciChanged();
                    }
                };
        listeners.add(entry);
        return () -> listeners.remove(entry);
    }

    @Override
    public Counters counters() {
        return new Counters(
                complex.reads(),
                complex.writes(),
                complex.portAccesses(),
                complex.configAccesses(),
                board.busyNanos());
    }

    /// Switches the machine off: models are closed, memory goes. A second call does nothing.
    @Override
    public void close() {
        if (!open.compareAndSet(true, false)) {
            return;
        }
        status = new Status(State.FAILED, "stopped");
        board.close();
        messages.close();
        ram.close();
        Deadline deadline = Deadline.after(ARENA_LIMIT);
        while (!unmapped()) {
            if (deadline.isExpired()) {
                LOG.error("the memory of machine {} stays mapped: it is in use", NAME);
                return;
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    /// A shared arena does not close while a system call uses a segment of it.
    private boolean unmapped() {
        try {
            arena.close();
            return true;
        } catch (IllegalStateException e) {
            LOG.debug("machine {}: {}", NAME, e.getMessage());
            return false;
        }
    }

    /// The ids of all devices.
    ///
    /// @return in the order they were plugged
    public List<String> devices() {
        return new ArrayList<>(board.ids());
    }
}
