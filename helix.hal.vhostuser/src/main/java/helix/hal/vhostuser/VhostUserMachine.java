package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.PciHost;
import helix.posix.SharedMemory;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A machine whose devices are other processes. Its memory is a memfd that they map as well.
final class VhostUserMachine implements Machine, AutoCloseable {
    static final String NAME = "vhostuser";

    /// Below 4 GiB, so that a device address fits any driver's registers, and not 0.
    static final long DMA_BASE = 0x1000_0000L;

    private static final Duration ARENA_LIMIT = Duration.ofSeconds(2);
    private static final Status READY = new Status(State.READY, "");
    private static final Logger LOG = LoggerFactory.getLogger(VhostUserMachine.class);

    private final Arena arena = Arena.ofShared();
    private final SharedMemory ram;
    private final DmaWindow window;
    private final EventFds eventFds = new EventFds();
    private final MessagePool messages = new MessagePool(eventFds);
    private final HostBus bus = new HostBus();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();

    /// Makes the machine; its memory takes pages when they are first touched.
    VhostUserMachine(long memory) {
        ram = SharedMemory.create("helix-vhostuser", memory);
        window = new DmaWindow(DMA_BASE, ram.map(arena), ram.fd(), 0);
    }

    /// The memory that all back-ends map.
    DmaWindow ram() {
        return window;
    }

    EventFds eventFds() {
        return eventFds;
    }

    HostBus bus() {
        return bus;
    }

    /// Puts a function on the bus.
    ///
    /// @return its device number
    int plug(VirtioFunction function) {
        int number = bus.add(function);
        pciChanged();
        return number;
    }

    /// Takes a function from the bus.
    void unplug(VirtioFunction function) {
        bus.remove(function);
        function.removed();
        pciChanged();
    }

    private void pciChanged() {
        for (Listener listener : listeners) {
            try {
                listener.pciChanged();
            } catch (RuntimeException e) {
                LOG.error("a listener of machine {} failed", NAME, e);
            }
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Status status() {
        return READY;
    }

    @Override
    public Optional<PciHost> pci() {
        return Optional.of(bus);
    }

    @Override
    public Optional<BusAccess> ports() {
        return Optional.empty();
    }

    @Override
    public List<DmaWindow> dmaWindows() {
        return List.of(window);
    }

    @Override
    public MessagePool messages() {
        return messages;
    }

    @Override
    public InterruptLines lines() {
        return new NoLines();
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
                    public void pciChanged() {
                        listener.pciChanged();
                    }
                };
        listeners.add(entry);
        return () -> listeners.remove(entry);
    }

    @Override
    public Counters counters() {
        return new Counters(bus.reads(), bus.writes(), 0, bus.configAccesses());
    }

    /// Ends the machine. Nobody uses its memory any more.
    @Override
    public void close() {
        eventFds.close();
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

    private static final class NoLines implements InterruptLines {
        @Override
        public Subscription connect(int line, int eventFd) {
            throw new DeviceException("machine " + NAME + " has no interrupt line " + line);
        }

        @Override
        public boolean isRaised(int line) {
            throw new DeviceException("machine " + NAME + " has no interrupt line " + line);
        }
    }
}
