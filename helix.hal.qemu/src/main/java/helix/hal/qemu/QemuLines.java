package helix.hal.qemu;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.posix.EventFd;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;

/// The inputs of the I/O APIC as interrupt lines: 0 to 15 are the ISA IRQs, 16 to 23 the PCI ones.
///
/// QEMU is asked to report them when the first one is connected: each report is a line of text on
/// the qtest socket, and a machine whose drivers use messages only need not read any.
final class QemuLines implements InterruptLines {
    private static final int LINES = 24;
    private static final String IOAPIC = "ioapic";

    /// Control word of the 8254: counter 0, low then high byte, mode 0, which counts once.
    private static final byte TIMER_STOP = 0x30;

    private static final int TIMER_CONTROL = 0x43;

    /// An eventfd that wants to know; no record, since the same one may be connected twice.
    private static final class Connection {
        private final int eventFd;

        Connection(int eventFd) {
            this.eventFd = eventFd;
        }
    }

    private final String machine;
    private final QtestClient qtest;
    private final BusAccess ports;
    private final AtomicIntegerArray levels = new AtomicIntegerArray(LINES);
    private final List<List<Connection>> connections = new ArrayList<>();
    private final Object connectLock = new Object();
    private boolean intercepted;

    QemuLines(String machine, QtestClient qtest, BusAccess ports) {
        this.machine = machine;
        this.qtest = qtest;
        this.ports = ports;
        for (int i = 0; i < LINES; i++) {
            connections.add(new ArrayList<>());
        }
    }

    @Override
    public Machine.Subscription connect(int line, int eventFd) {
        requireLine(line);
        Connection connection = new Connection(eventFd);
        synchronized (connectLock) {
            if (!intercepted) {
                stopTimer();
                qtest.intercept(IOAPIC, this::changed);
                intercepted = true;
            }
            synchronized (connections) {
                connections.get(line).add(connection);
            }
            qtest.watchLines(true);
        }
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

    private void disconnect(int line, Connection connection) {
        synchronized (connectLock) {
            boolean none;
            synchronized (connections) {
                connections.get(line).remove(connection);
                none = connections.stream().allMatch(List::isEmpty);
            }
            qtest.watchLines(!none);
        }
    }

    @Override
    public boolean isRaised(int line) {
        requireLine(line);
        qtest.poll();
        return levels.get(line) != 0;
    }

    private void requireLine(int line) {
        if (line < 0 || line >= LINES) {
            throw new DeviceException("machine " + machine + " has no interrupt line " + line);
        }
    }

    /// Called by the qtest client with its lock held.
    private void changed(int line, boolean raised) {
        if (line >= LINES) {
            return;
        }
        levels.set(line, raised ? 1 : 0);
        if (raised) {
            synchronized (connections) {
                List<Connection> connected = connections.get(line);
                for (int i = 0; i < connected.size(); i++) {
                    EventFd.signal(connected.get(i).eventFd);
                }
            }
        }
    }

    /// A reset starts the timer again.
    void machineReset() {
        synchronized (connectLock) {
            if (intercepted) {
                stopTimer();
            }
        }
    }

    /// The PC's timer ticks 18 times a second from reset on. Nobody here uses it, and each tick
    /// would be two lines of text.
    private void stopTimer() {
        ports.write8(TIMER_CONTROL, TIMER_STOP);
    }
}
