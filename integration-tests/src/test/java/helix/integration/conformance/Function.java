package helix.integration.conformance;

import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.DmaRemapping;
import helix.hal.api.machine.DmaWindow;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.api.machine.PciHost;
import helix.posix.EventFd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A function of a machine's root bus as firmware and a driver would set it up: addresses for its
/// BARs, MSI-X, and a piece of memory that it may reach. PCI Local Bus 3.0, chapters 6.1, 6.2.5 and
/// 6.8.2.
final class Function implements AutoCloseable {
    /// How much memory each function gets.
    static final int MEMORY = 4 << 20;

    /// How many messages are taken.
    static final int VECTORS = 5;

    private static final int COMMAND = 0x04;
    private static final int CAPABILITIES = 0x34;
    private static final int BAR0 = 0x10;
    private static final int MSIX = 0x11;

    private final Bench bench;
    private final PciHost pci;
    private final BusAccess registers;
    private final int devfn;
    private final long[] bars = new long[6];
    private final long deviceAddress;
    private final MemorySegment memory;
    private final Messages messages;
    private final Optional<DmaRemapping.Domain> domain;
    private long nextAddress;
    private int msix;

    /// Sets a function up.
    ///
    /// @param which 0 for the first function that the scripts are for and so on: each has addresses
    ///   of its own
    Function(Bench bench, int devfn, int which) {
        this.bench = bench;
        this.devfn = devfn;
        pci = bench.machine().pci().orElseThrow();
        registers = pci.memory();
        PciHost.Window window =
                pci.windows().stream()
                        .filter(w -> w.kind() == PciBar.Kind.MEMORY32)
                        .findFirst()
                        .orElseThrow();
        nextAddress = window.base() + (16L << 20) * which;
        assignBars();
        DmaWindow ram = bench.machine().dmaWindows().getFirst();
        long begin = (1L << 20) + (long) MEMORY * which;
        memory = ram.memory().asSlice(begin, MEMORY);
        deviceAddress = ram.deviceAddress() + begin;
        domain = bench.machine().remapping().map(r -> r.attach(pci.firstBus(), devfn));
        domain.ifPresent(d -> d.map(deviceAddress, MEMORY));
        messages = bench.machine().messages().allocate(VECTORS).orElseThrow();
        // Memory decoding and bus mastering.
        config(COMMAND, 2, 6);
        enableMessages();
    }

    /// Functions of the root bus of a class, in order.
    static List<Integer> find(Bench bench, int classCode) {
        PciHost pci = bench.machine().pci().orElseThrow();
        List<Integer> found = new ArrayList<>();
        for (int devfn = 0; devfn < 256; devfn += 8) {
            if (pci.readConfig(pci.firstBus(), devfn, 0, 4) == -1) {
                continue;
            }
            if (pci.readConfig(pci.firstBus(), devfn, 8, 4) >>> 8 == classCode) {
                found.add(devfn);
            }
        }
        return found;
    }

    private void assignBars() {
        config(COMMAND, 2, 0);
        for (int i = 0; i < 6; i++) {
            int at = BAR0 + 4 * i;
            config(at, 4, -1);
            int low = config(at, 4);
            if (low == 0 || (low & 1) != 0) {
                continue;
            }
            boolean is64 = (low & 6) == 4;
            long size = -(long) (low & ~0xF) & 0xFFFF_FFFFL;
            nextAddress = (nextAddress + size - 1) / size * size;
            bars[i] = nextAddress;
            config(at, 4, (int) nextAddress);
            nextAddress += size;
            if (is64) {
                config(at + 4, 4, 0);
                i++;
            }
        }
    }

    /// The offset of a capability.
    ///
    /// @param id its id
    /// @param after the one before it, 0 for the first
    /// @return 0 if there is none
    int capability(int id, int after) {
        int at = config(after == 0 ? CAPABILITIES : after + 1, 1) & 0xFC;
        for (int i = 0; at != 0 && i < 48; i++) {
            if (config(at, 1) == id) {
                return at;
            }
            at = config(at + 1, 1) & 0xFC;
        }
        return 0;
    }

    private void enableMessages() {
        msix = capability(MSIX, 0);
        int vectors = Math.min((config(msix + 2, 2) & 0x7FF) + 1, VECTORS);
        int where = config(msix + 4, 4);
        long table = bars[where & 7] + (where & ~7);
        config(msix + 2, 2, 0x8000);
        for (int i = 0; i < vectors; i++) {
            registers.write32(table + 16L * i, (int) messages.address());
            registers.write32(table + 16L * i + 4, (int) (messages.address() >>> 32));
            registers.write32(table + 16L * i + 8, messages.data() + i);
            registers.write32(table + 16L * i + 12, 0);
        }
    }

    /// Switches MSI-X on or off.
    void messages(boolean on) {
        config(msix + 2, 2, on ? 0x8000 : 0);
    }

    /// Whether a message has come since this was last asked.
    boolean hasMessage(int vector) {
        return EventFd.borrowed(messages.eventFd(vector)).drain() > 0;
    }

    /// Reads config space.
    int config(int offset, int width) {
        return pci.readConfig(pci.firstBus(), devfn, offset, width);
    }

    /// Writes config space.
    void config(int offset, int width, int value) {
        pci.writeConfig(pci.firstBus(), devfn, offset, width, value);
    }

    /// Reads a register.
    long read(int bar, long offset, int width) {
        long address = bars[bar] + offset;
        return switch (width) {
            case 1 -> registers.read8(address) & 0xFF;
            case 2 -> registers.read16(address) & 0xFFFF;
            case 4 -> registers.read32(address) & 0xFFFF_FFFFL;
            default -> registers.read64(address);
        };
    }

    /// Writes a register.
    void write(int bar, long offset, int width, long value) {
        long address = bars[bar] + offset;
        switch (width) {
            case 1 -> registers.write8(address, (byte) value);
            case 2 -> registers.write16(address, (short) value);
            case 4 -> registers.write32(address, (int) value);
            default -> registers.write64(address, value);
        }
    }

    /// Lets the function reach a page beyond its memory, as a request's buffer.
    ///
    /// @return its device address
    long grant(int page) {
        long address = deviceAddress + MEMORY + 4096L * page;
        domain.ifPresent(d -> d.map(address, 4096));
        return address;
    }

    /// Takes such a page back.
    void revoke(int page) {
        domain.ifPresent(d -> d.unmap(deviceAddress + MEMORY + 4096L * page, 4096));
    }

    /// The memory that the function may reach.
    MemorySegment memory() {
        return memory;
    }

    /// The device address of a byte of it.
    long address(long offset) {
        return deviceAddress + offset;
    }

    /// Lets the devices work where they do not by themselves.
    void work() {
        bench.work();
    }

    @Override
    public void close() {
        messages(false);
        config(COMMAND, 2, 0);
        domain.ifPresent(DmaRemapping.Domain::close);
        messages.close();
    }
}
