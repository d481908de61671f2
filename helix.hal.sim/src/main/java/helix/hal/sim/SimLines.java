package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.posix.EventFd;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/// The machine's four interrupt lines, to which INTA to INTD are swizzled. Each is up while any
/// function drives it. Thread-safe; called with functions' locks held and calls nobody.
final class SimLines implements InterruptLines {
    static final int LINES = 4;

    private final List<Set<Object>> drivers = new ArrayList<>();
    private final List<List<Connection>> connections = new ArrayList<>();

    /// No record, since the same eventfd may be connected twice.
    private static final class Connection {
        private final int eventFd;

        Connection(int eventFd) {
            this.eventFd = eventFd;
        }
    }

    SimLines() {
        for (int i = 0; i < LINES; i++) {
            drivers.add(new HashSet<>());
            connections.add(new ArrayList<>());
        }
    }

    /// The line of a pin of a device on the root bus. PCI-to-PCI Bridge 1.2, section 9.1.
    static int of(int device, int pin) {
        if (device < 0 || device > 31 || pin < 1 || pin > 4) {
            throw new IllegalArgumentException("no INTx: device=" + device + " pin=" + pin);
        }
        return (device + pin - 1) % LINES;
    }

    /// A function drives a line, or not any more.
    synchronized void drive(Object function, int line, boolean raised) {
        Set<Object> driving = drivers.get(line);
        if (!raised) {
            driving.remove(function);
        } else if (driving.add(function) && driving.size() == 1) {
            connections.get(line).forEach(c -> EventFd.signal(c.eventFd));
        }
    }

    @Override
    public synchronized Machine.Subscription connect(int line, int eventFd) {
        require(line);
        Connection connection = new Connection(eventFd);
        connections.get(line).add(connection);
        if (isRaised(line)) {
            EventFd.signal(eventFd);
        }
        AtomicBoolean open = new AtomicBoolean(true);
        return () -> {
            if (open.compareAndSet(true, false)) {
                disconnect(line, connection);
            }
        };
    }

    private synchronized void disconnect(int line, Connection connection) {
        connections.get(line).remove(connection);
    }

    @Override
    public synchronized boolean isRaised(int line) {
        require(line);
        return !drivers.get(line).isEmpty();
    }

    private static void require(int line) {
        if (line < 0 || line >= LINES) {
            throw new DeviceException(
                    "machine " + SimMachine.NAME + " has no interrupt line " + line);
        }
    }
}
