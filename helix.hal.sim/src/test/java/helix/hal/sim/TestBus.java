package helix.hal.sim;

import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaRemapping;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.api.machine.PciHost;
import helix.posix.EventFd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a processor and its firmware would do for one function of the root bus: assigns its base
/// address registers, lets it decode and master the bus, and gives tests its registers, all of the
/// machine's memory and its interrupts.
public final class TestBus implements AutoCloseable {
    private static final int MEMORY64 = 2 << 1;

    private final SimMachine machine;
    private final PciHost host;
    private final int devfn;
    private final long[] bases = new long[6];
    private final boolean[] ports = new boolean[6];
    private final List<Messages> messages = new ArrayList<>();
    private DmaRemapping.@Nullable Domain domain;

    private TestBus(SimMachine machine, String id) {
        this.machine = machine;
        this.host = machine.pci().orElseThrow();
        this.devfn = machine.deviceNumber(id) << 3;
    }

    /// A function whose registers are reached, and which reaches all memory.
    public static TestBus bringUp(SimMachine machine, String id) {
        TestBus bus = new TestBus(machine, id);
        bus.assign();
        bus.mapAll();
        return bus;
    }

    /// A function whose registers are reached, and which reaches nothing.
    public static TestBus withoutMemory(SimMachine machine, String id) {
        TestBus bus = new TestBus(machine, id);
        bus.assign();
        return bus;
    }

    /// Gives addresses, each device in a range of its own; again after a reset.
    public void assign() {
        long memory = 0xC000_0000L + ((long) devfn << 21);
        long io = 0x1000 + ((long) devfn << 6);
        config(PciConfig.COMMAND, 2, 0);
        for (int i = 0; i < 6; i++) {
            int offset = PciConfig.BAR0 + 4 * i;
            config(offset, 4, -1);
            int mask = config(offset, 4);
            if (mask == 0) {
                continue;
            }
            ports[i] = (mask & 1) != 0;
            long size = Integer.toUnsignedLong(-(mask & (ports[i] ? ~3 : ~15)));
            long base = ((ports[i] ? io : memory) + size - 1) & -size;
            bases[i] = base;
            config(offset, 4, (int) base);
            if (ports[i]) {
                io = base + size;
            } else {
                memory = base + size;
            }
            if (!ports[i] && (mask & 6) == MEMORY64) {
                i++;
                config(offset + 4, 4, 0);
            }
        }
        config(
                PciConfig.COMMAND,
                2,
                PciConfig.COMMAND_IO | PciConfig.COMMAND_MEMORY | PciConfig.COMMAND_MASTER);
    }

    private void mapAll() {
        machine.remapping().ifPresent(_ -> map(0, memory().byteSize()));
    }

    /// Maps a piece of memory.
    public void map(long offset, long size) {
        domain().map(address(offset), size);
    }

    /// Ends that.
    public void unmap(long offset, long size) {
        domain().unmap(address(offset), size);
    }

    private DmaRemapping.Domain domain() {
        DmaRemapping.Domain now = domain;
        if (now == null) {
            now = machine.remapping().orElseThrow().attach(0, devfn);
            domain = now;
        }
        return now;
    }

    /// All of the machine's memory.
    public MemorySegment memory() {
        return machine.dmaWindows().getFirst().memory();
    }

    /// The device address of an offset in memory.
    public long address(long offset) {
        return SimMachine.DMA_BASE + offset;
    }

    /// Reads config space.
    public int config(int offset, int width) {
        return host.readConfig(0, devfn, offset, width);
    }

    /// Writes config space.
    public void config(int offset, int width, int value) {
        host.writeConfig(0, devfn, offset, width, value);
    }

    /// Finds a capability.
    ///
    /// @return its offset, 0 if there is none
    public int capability(int id) {
        int at = config(PciConfig.CAPABILITIES, 1);
        while (at != 0 && config(at, 1) != id) {
            at = config(at + 1, 1);
        }
        return at;
    }

    private BusAccess space(int bar) {
        return ports[bar] ? machine.ports().orElseThrow() : host.memory();
    }

    /// Reads a register, zero-extended.
    public long read(int bar, long offset, int width) {
        long address = bases[bar] + offset;
        return switch (width) {
            case 1 -> space(bar).read8(address) & 0xFFL;
            case 2 -> space(bar).read16(address) & 0xFFFFL;
            case 4 -> space(bar).read32(address) & 0xFFFF_FFFFL;
            default -> space(bar).read64(address);
        };
    }

    /// Writes a register.
    public void write(int bar, long offset, int width, long value) {
        long address = bases[bar] + offset;
        switch (width) {
            case 1 -> space(bar).write8(address, (byte) value);
            case 2 -> space(bar).write16(address, (short) value);
            case 4 -> space(bar).write32(address, (int) value);
            default -> space(bar).write64(address, value);
        }
    }

    /// Programs the first MSI-X vectors, unmasked, and enables MSI-X.
    public void enableMessages(int vectors) {
        int at = capability(PciConfig.MSIX_ID);
        int table = config(at + 4, 4);
        for (int i = 0; i < vectors; i++) {
            Messages message = machine.messages().allocate(1).orElseThrow();
            messages.add(message);
            long entry = (table & ~7) + (long) i * MsixTable.ENTRY;
            write(table & 7, entry, 4, message.address());
            write(table & 7, entry + 4, 4, message.address() >>> 32);
            write(table & 7, entry + 8, 4, message.data());
            mask(i, false);
        }
        config(at + PciConfig.MSIX_CONTROL, 2, PciConfig.MSIX_ENABLE);
    }

    /// Masks a vector, or ends that.
    public void mask(int vector, boolean masked) {
        int table = config(capability(PciConfig.MSIX_ID) + 4, 4);
        long entry = (table & ~7) + (long) vector * MsixTable.ENTRY;
        write(table & 7, entry + 12, 4, masked ? 1 : 0);
    }

    /// Whether a vector is pending.
    public boolean isPending(int vector) {
        int bits = config(capability(PciConfig.MSIX_ID) + 8, 4);
        long word = read(bits & 7, (bits & ~7) + 4L * (vector / 32), 4);
        return (word >>> (vector % 32) & 1) != 0;
    }

    /// How often a vector's message came since the last look.
    public long messages(int vector) {
        try (EventFd event = EventFd.borrowed(messages.get(vector).eventFd(0))) {
            return event.drain();
        }
    }

    /// Whether the line of the function's pin is up.
    public boolean isLineRaised() {
        int pin = config(PciConfig.INTERRUPT_PIN, 1);
        return machine.lines().isRaised(host.line(devfn >>> 3, pin));
    }

    /// Asks for a function level reset; the registers have lost their addresses then.
    public void functionLevelReset() {
        int control = capability(PciConfig.EXPRESS_ID) + PciConfig.DEVICE_CONTROL;
        config(control, 2, PciConfig.INITIATE_FLR);
    }

    /// Gives messages and the domain back.
    @Override
    public void close() {
        messages.forEach(Messages::close);
        if (domain != null) {
            domain.close();
        }
    }
}
