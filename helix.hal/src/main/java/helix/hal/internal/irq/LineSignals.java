package helix.hal.internal.irq;

import helix.hal.api.IrqKind;
import helix.hal.api.machine.InterruptLines;
import helix.hal.api.machine.Machine;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.Status;
import helix.posix.EventFd;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Level-triggered lines: a PCI function's INTx pin (PCI Local Bus 3.0, section 2.2.6), or those of
/// a platform device.
///
/// The machine tells when a line goes up, and of nothing while it stays up. So after each handler
/// the level is looked at again, those who share the line look too, and while it is up everybody
/// looks now and then.
final class LineSignals implements Signals {
    private static final long RAISED_POLL_MILLIS = 10;

    private final InterruptLines lines;
    private final List<Integer> numbers;
    private final List<EventFd> events = new ArrayList<>();
    private final List<Machine.Subscription> connections = new ArrayList<>();

    /// Null for a platform device.
    private final @Nullable ConfigSpace config;

    /// Whether the function can say that it raised the line, and be kept from it: not before PCI
    /// 2.3.
    private final boolean maskable;

    private volatile boolean masked;

    private LineSignals(InterruptLines lines, List<Integer> numbers, @Nullable ConfigSpace config) {
        this.lines = lines;
        this.numbers = numbers;
        this.config = config;
        this.maskable = config != null && sticks(config);
        try {
            for (int line : numbers) {
                EventFd event = EventFd.create();
                events.add(event);
                connections.add(lines.connect(line, event.fd()));
            }
        } catch (RuntimeException e) {
            release();
            throw e;
        }
    }

    /// A function's pin.
    static LineSignals of(PciFunction function, int line) {
        LineSignals signals =
                new LineSignals(
                        function.context().machine().lines(), List.of(line), function.config());
        signals.unmask(0);
        return signals;
    }

    /// The first lines of a platform device.
    static LineSignals of(InterruptLines lines, List<Integer> numbers) {
        return new LineSignals(lines, numbers, null);
    }

    private static boolean sticks(ConfigSpace config) {
        config.update16(Header.COMMAND, 0, Command.INTX_DISABLE);
        return (config.read16(Header.COMMAND) & Command.INTX_DISABLE) != 0;
    }

    /// Whether both listen to a line.
    boolean shares(LineSignals other) {
        return lines.equals(other.lines) && numbers.stream().anyMatch(other.numbers::contains);
    }

    @Override
    public IrqKind kind() {
        return IrqKind.INTX;
    }

    @Override
    public int count() {
        return numbers.size();
    }

    @Override
    public int eventFd(int vector) {
        return events.get(vector).fd();
    }

    @Override
    public boolean begin(int vector) {
        if (config == null || !maskable) {
            return true;
        }
        if ((config.read16(Header.STATUS) & Status.INTERRUPT) == 0) {
            return false;
        }
        config.update16(Header.COMMAND, 0, Command.INTX_DISABLE);
        return true;
    }

    @Override
    public boolean end(int vector) {
        if (!masked) {
            unmask(vector);
        }
        return isPending(vector);
    }

    @Override
    public void mask(int vector) {
        masked = true;
        if (config != null && maskable) {
            config.update16(Header.COMMAND, 0, Command.INTX_DISABLE);
        }
    }

    @Override
    public void unmask(int vector) {
        masked = false;
        if (config != null && maskable) {
            config.update16(Header.COMMAND, Command.INTX_DISABLE, 0);
        }
    }

    @Override
    public boolean isPending(int vector) {
        return (config != null && maskable)
                ? (config.read16(Header.STATUS) & Status.INTERRUPT) != 0
                : lines.isRaised(numbers.get(vector));
    }

    /// Whether a line is up, whoever raised it.
    boolean isRaised() {
        return numbers.stream().anyMatch(lines::isRaised);
    }

    @Override
    public long pollMillis() {
        return isRaised() ? RAISED_POLL_MILLIS : Vectors.IDLE_MILLIS;
    }

    @Override
    public void disable() {
        mask(0);
    }

    @Override
    public void release() {
        connections.forEach(Machine.Subscription::close);
        events.forEach(EventFd::close);
    }
}
