package helix.hal.vhostuser;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.PciHost;
import helix.hal.vhostuser.VirtioPci.Bar;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// The machine's only bus: a host bridge as device 0, and virtio functions that come and go as
/// devices 1 to 31.
final class HostBus implements PciHost, BusAccess {
    private static final int DEVICES = 32;
    private static final long MEMORY_BASE = 0xC000_0000L;

    /// Places for base address registers in the window, all of one size.
    private static final int PLACES = 128;

    private final ConfigBytes bridge =
            new ConfigBytes()
                    // What QEMU's generic PCI Express host bridge calls itself.
                    .put16(0x00, 0x1B36)
                    .put16(0x02, 0x0008)
                    .writable(0x04, 2, 0x0406)
                    .put32(0x08, 0x06_0000 << 8);

    private final AtomicReferenceArray<@Nullable VirtioFunction> functions =
            new AtomicReferenceArray<>(DEVICES);
    private final AtomicReferenceArray<@Nullable VirtioFunction> decoders =
            new AtomicReferenceArray<>(PLACES);
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private final AtomicLong configAccesses = new AtomicLong();

    /// Guarded by this: the device number that is tried next. A number that has just become free is
    /// used last, so that nobody takes a new device for the one that was there.
    private int next = 1;

    /// Puts a function on the bus.
    ///
    /// @return its device number
    synchronized int add(VirtioFunction function) {
        for (int i = 0; i < DEVICES - 1; i++) {
            int number = (next - 1 + i) % (DEVICES - 1) + 1;
            if (functions.compareAndSet(number, null, function)) {
                next = number + 1;
                return number;
            }
        }
        throw new DeviceException("all " + (DEVICES - 1) + " places for devices are taken");
    }

    /// Takes a function from the bus; from now on accesses to its registers fail.
    synchronized void remove(VirtioFunction function) {
        for (int i = 0; i < PLACES; i++) {
            decoders.compareAndSet(i, function, null);
        }
        for (int i = 0; i < DEVICES; i++) {
            functions.compareAndSet(i, function, null);
        }
    }

    private synchronized void decode(VirtioFunction function) {
        for (int i = 0; i < PLACES; i++) {
            decoders.compareAndSet(i, function, null);
        }
        long place = (function.address() - MEMORY_BASE) >> Bar.SHIFT;
        if (place >= 0 && place < PLACES && !function.isGone()) {
            decoders.set((int) place, function);
        }
    }

    long reads() {
        return reads.getAcquire();
    }

    long writes() {
        return writes.getAcquire();
    }

    long configAccesses() {
        return configAccesses.getAcquire();
    }

    private @Nullable VirtioFunction function(int bus, int devfn) {
        return bus == 0 && (devfn & 7) == 0 ? functions.get(devfn >>> 3) : null;
    }

    private static void check(int devfn, int offset, int width) {
        boolean widthFits = width == 1 || width == 2 || width == 4;
        if (!widthFits
                || devfn < 0
                || devfn > 0xFF
                || offset < 0
                || offset > ConfigBytes.SIZE - width
                || offset % width != 0) {
            throw new IllegalArgumentException(
                    "no config access: devfn=%x offset=0x%x width=%d"
                            .formatted(devfn, offset, width));
        }
    }

    @Override
    public int readConfig(int bus, int devfn, int offset, int width) {
        check(devfn, offset, width);
        configAccesses.incrementAndGet();
        if (bus == 0 && devfn == 0) {
            return bridge.read(offset, width);
        }
        VirtioFunction function = function(bus, devfn);
        return function == null ? -1 >>> (32 - 8 * width) : function.readConfig(offset, width);
    }

    @Override
    public void writeConfig(int bus, int devfn, int offset, int width, int value) {
        check(devfn, offset, width);
        configAccesses.incrementAndGet();
        if (bus == 0 && devfn == 0) {
            bridge.write(offset, width, value);
            return;
        }
        VirtioFunction function = function(bus, devfn);
        if (function != null) {
            function.writeConfig(offset, width, value);
            if (offset < VirtioFunction.BAR0 + 4) {
                decode(function);
            }
        }
    }

    @Override
    public int configSize() {
        return ConfigBytes.SIZE;
    }

    @Override
    public int firstBus() {
        return 0;
    }

    @Override
    public int lastBus() {
        return 0;
    }

    @Override
    public BusAccess memory() {
        return this;
    }

    @Override
    public List<Window> windows() {
        return List.of(new Window(PciBar.Kind.MEMORY32, MEMORY_BASE, (long) PLACES << Bar.SHIFT));
    }

    @Override
    public int line(int device, int pin) {
        throw new DeviceException("devices behind vhost-user have no interrupt lines");
    }

    @Override
    public boolean isHotPluggable() {
        return true;
    }

    @Override
    public Optional<String> reservation(int bus, int devfn) {
        return bus == 0 && devfn == 0 ? Optional.of("host bridge") : Optional.empty();
    }

    private VirtioFunction at(long address) {
        long place = (address - MEMORY_BASE) >> Bar.SHIFT;
        VirtioFunction function =
                place >= 0 && place < PLACES ? decoders.getAcquire((int) place) : null;
        if (function == null) {
            throw new DeviceGoneException(
                    "no vhost-user device has registers at 0x" + Long.toHexString(address));
        }
        return function;
    }

    private static int offset(long address) {
        return (int) (address & (Bar.SIZE - 1));
    }

    private int read(long address, int width) {
        reads.incrementAndGet();
        return at(address).read(offset(address), width);
    }

    private void write(long address, int width, int value) {
        writes.incrementAndGet();
        at(address).write(offset(address), width, value);
    }

    @Override
    public byte read8(long address) {
        return (byte) read(address, 1);
    }

    @Override
    public short read16(long address) {
        return (short) read(address, 2);
    }

    @Override
    public int read32(long address) {
        return read(address, 4);
    }

    /// Refused: 4.1.3.1 has 64-bit fields accessed by halves.
    @Override
    public long read64(long address) {
        throw wide(address);
    }

    @Override
    public void write8(long address, byte value) {
        write(address, 1, value & 0xFF);
    }

    @Override
    public void write16(long address, short value) {
        write(address, 2, value & 0xFFFF);
    }

    @Override
    public void write32(long address, int value) {
        write(address, 4, value);
    }

    /// Refused, as [#read64].
    @Override
    public void write64(long address, long value) {
        throw wide(address);
    }

    private static DeviceException wide(long address) {
        return new DeviceException(
                "no register at 0x%x has 64 bits; virtio 1.2, 4.1.3.1: access it by halves"
                        .formatted(address));
    }
}
