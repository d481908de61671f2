package helix.hal.qemu;

import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.PciHost;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/// The host bridge of QEMU's q35: config space by ports 0xCF8 and 0xCFC until the memory-mapped one
/// (ECAM) is enabled, and the windows that are free because no firmware assigned anything.
///
/// Intel 3 Series Chipset (MCH) datasheet, section 5.1.17 PCIEXBAR; Intel I/O Controller Hub 9
/// datasheet, section 10.1 for the interrupt routes.
final class QemuPciHost implements PciHost {
    /// Where the message device sits: its function, doorbell page and shared page.
    static final int MESSAGE_DEVFN = 0x1E << 3;

    static final long MESSAGE_BAR0 = 0xFE00_0000L;
    static final long MESSAGE_BAR2 = 0xFE10_0000L;

    private static final int CONFIG_ADDRESS = 0xCF8;
    private static final int CONFIG_DATA = 0xCFC;
    private static final long CONFIG_ENABLE = 0x8000_0000L;

    /// 256 MiB, a bus a MiB; enable is bit 0.
    private static final long ECAM = 0xB000_0000L;

    private static final int PCIEXBAR = 0x60;
    private static final int PCIEXBAR_ENABLE = 1;

    /// All of the 32-bit hole above ECAM that is no interrupt controller's, timer's or this
    /// machine's own.
    private static final long MEMORY32_BASE = 0xC000_0000L;

    /// Far above any RAM, and within the 40 physical address bits of QEMU's plainest processor.
    private static final long MEMORY64_BASE = 1L << 35;

    private static final int IO_BASE = 0x1000;

    private static final List<Window> WINDOWS =
            List.of(
                    new Window(PciBar.Kind.IO, IO_BASE, 0x10000 - IO_BASE),
                    new Window(PciBar.Kind.MEMORY32, MEMORY32_BASE, MESSAGE_BAR0 - MEMORY32_BASE),
                    new Window(PciBar.Kind.MEMORY64, MEMORY64_BASE, MEMORY64_BASE));

    private static final int PIRQA_LINE = 16;
    private static final int PIRQE_LINE = 20;
    private static final int FIRST_ROUTED_DEVICE = 25;
    private static final int PCI_BRIDGE_DEVICE = 30;

    private final QtestClient qtest;
    private final BusAccess memory;
    private final AtomicLong accesses;
    private volatile boolean ecam;

    QemuPciHost(QtestClient qtest, BusAccess memory, AtomicLong accesses) {
        this.qtest = qtest;
        this.memory = memory;
        this.accesses = accesses;
    }

    /// Enables ECAM and gives the message device its fixed addresses: what a firmware would have
    /// done. Again after each reset.
    void bringUp() {
        ecam = false;
        writeConfig(0, 0, PCIEXBAR + 4, 4, 0);
        writeConfig(0, 0, PCIEXBAR, 4, (int) ECAM | PCIEXBAR_ENABLE);
        ecam = true;
        writeConfig(0, MESSAGE_DEVFN, 0x10, 4, (int) MESSAGE_BAR0);
        writeConfig(0, MESSAGE_DEVFN, 0x18, 4, (int) MESSAGE_BAR2);
        writeConfig(0, MESSAGE_DEVFN, 0x1C, 4, 0);
        // Memory decoding only: it never masters the bus.
        writeConfig(0, MESSAGE_DEVFN, 0x04, 2, 2);
    }

    @Override
    public int readConfig(int bus, int devfn, int offset, int width) {
        if (ecam) {
            long address = ecam(bus, devfn, offset);
            return switch (width) {
                case 1 -> (int) qtest.read(QtestCommand.READB, address, accesses);
                case 2 -> (int) qtest.read(QtestCommand.READW, address, accesses);
                case 4 -> (int) qtest.read(QtestCommand.READL, address, accesses);
                default -> throw width(width);
            };
        }
        QtestCommand in =
                switch (width) {
                    case 1 -> QtestCommand.INB;
                    case 2 -> QtestCommand.INW;
                    case 4 -> QtestCommand.INL;
                    default -> throw width(width);
                };
        return (int)
                qtest.writeThenRead(
                        QtestCommand.OUTL,
                        CONFIG_ADDRESS,
                        portAddress(bus, devfn, offset),
                        in,
                        CONFIG_DATA + (offset & 3),
                        accesses);
    }

    @Override
    public void writeConfig(int bus, int devfn, int offset, int width, int value) {
        long bytes = value & (0xFFFF_FFFFL >>> (32 - 8 * width));
        if (ecam) {
            QtestCommand write =
                    switch (width) {
                        case 1 -> QtestCommand.WRITEB;
                        case 2 -> QtestCommand.WRITEW;
                        case 4 -> QtestCommand.WRITEL;
                        default -> throw width(width);
                    };
            qtest.writeAndWait(write, ecam(bus, devfn, offset), bytes, accesses);
            return;
        }
        QtestCommand out =
                switch (width) {
                    case 1 -> QtestCommand.OUTB;
                    case 2 -> QtestCommand.OUTW;
                    case 4 -> QtestCommand.OUTL;
                    default -> throw width(width);
                };
        qtest.writeTwice(
                QtestCommand.OUTL,
                CONFIG_ADDRESS,
                portAddress(bus, devfn, offset),
                out,
                CONFIG_DATA + (offset & 3),
                bytes,
                accesses);
    }

    private static IllegalArgumentException width(int width) {
        return new IllegalArgumentException("config accesses have 1, 2 or 4 bytes, not " + width);
    }

    private static long ecam(int bus, int devfn, int offset) {
        check(bus, devfn, offset, 0xFFF);
        return ECAM | ((long) bus << 20) | ((long) devfn << 12) | offset;
    }

    private static long portAddress(int bus, int devfn, int offset) {
        check(bus, devfn, offset, 0xFF);
        return CONFIG_ENABLE | ((long) bus << 16) | ((long) devfn << 8) | (offset & ~3);
    }

    private static void check(int bus, int devfn, int offset, int lastOffset) {
        if (((bus | devfn) & ~0xFF) != 0 || (offset & ~lastOffset) != 0) {
            throw new IllegalArgumentException(
                    "no config address: bus=%x devfn=%x offset=%x".formatted(bus, devfn, offset));
        }
    }

    @Override
    public int configSize() {
        return ecam ? 4096 : 256;
    }

    @Override
    public int firstBus() {
        return 0;
    }

    @Override
    public int lastBus() {
        return 255;
    }

    @Override
    public BusAccess memory() {
        return memory;
    }

    @Override
    public List<Window> windows() {
        return WINDOWS;
    }

    /// As the chip set routes after reset: devices 25 to 29 and 31 by their route registers, whose
    /// reset value is INTA to PIRQA and so on; 30 straight to PIRQE to PIRQH; all others swizzled
    /// over PIRQE to PIRQH. PIRQA to PIRQH are the I/O APIC's inputs 16 to 23.
    @Override
    public int line(int device, int pin) {
        if (device < 0 || device > 31 || pin < 1 || pin > 4) {
            throw new IllegalArgumentException("no INTx: device=" + device + " pin=" + pin);
        }
        if (device == PCI_BRIDGE_DEVICE) {
            return PIRQE_LINE + pin - 1;
        }
        return device >= FIRST_ROUTED_DEVICE
                ? PIRQA_LINE + pin - 1
                : PIRQE_LINE + (device + pin - 1) % 4;
    }

    @Override
    public Optional<String> reservation(int bus, int devfn) {
        return bus == 0 && devfn == MESSAGE_DEVFN
                ? Optional.of("interrupt messages of the machine")
                : Optional.empty();
    }
}
