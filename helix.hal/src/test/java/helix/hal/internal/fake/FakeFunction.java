package helix.hal.internal.fake;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntConsumer;

/// A PCI function with the behaviour of config space and base address registers that software sees:
/// read-only bits, sizing, decoding only when enabled; a bridge with what is behind it; a slot.
public final class FakeFunction {
    private static final int EXPRESS = 0x40;

    public final ByteBuffer config = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    private final byte[] writable = new byte[4096];
    private final byte[] clearable = new byte[4096];
    private final Map<Integer, long[]> bars = new LinkedHashMap<>();
    private final Map<Integer, ByteBuffer> registers = new LinkedHashMap<>();
    private final Map<Long, IntConsumer> onRegister = new TreeMap<>();
    private final Map<Integer, IntConsumer> onConfig = new TreeMap<>();
    final Map<Integer, FakeFunction> secondary = new TreeMap<>();
    private int lastCapability;
    private int nextCapability = 0x40;
    private boolean slot;
    private FakeFunction pulled;

    /// A function with a plain header.
    public FakeFunction(int vendor, int device, int classCode) {
        config.putShort(0, (short) vendor);
        config.putShort(2, (short) device);
        config.putInt(8, classCode << 8);
        allow(4, 2, 0x0547);
        allow(0x3C, 1, 0xFF);
    }

    /// A bridge; windows for memory, 64-bit prefetchable memory and I/O.
    public static FakeFunction bridge() {
        FakeFunction f = new FakeFunction(0x1B36, 0x0001, 0x060400);
        f.config.put(0x0E, (byte) 1);
        f.allow(0x18, 3, 0xFFFFFF);
        f.allow(0x1C, 2, 0xF0F0);
        f.allow(0x20, 4, 0xFFF0FFF0);
        f.allow(0x24, 4, 0xFFF0FFF0);
        f.config.putInt(0x24, 0x00010001);
        f.allow(0x28, 4, -1);
        f.allow(0x2C, 4, -1);
        return f;
    }

    /// A root port with a hot-plug slot, as PCI Express Base 7.5.3 has it.
    public static FakeFunction slot() {
        FakeFunction f = bridge();
        f.slot = true;
        int at = f.capability(0x10, 0x3C);
        f.config.putShort(at + 2, (short) (0x0142));
        f.config.putInt(at + 0x0C, 1 << 20);
        f.config.putInt(at + 0x14, 1 << 1 | 1 << 6);
        f.config.putShort(at + 0x18, (short) 0x07C0);
        f.allow(at + 0x18, 2, 0x07FF);
        f.clear(at + 0x1A, 0x11F);
        f.onConfig(at + 0x18, f::slotControl);
        return f;
    }

    private void slotControl(int before) {
        int control = config.getShort(EXPRESS + 0x18);
        boolean off = (control & 1 << 10) != 0;
        boolean indicatorOff = (control & 3 << 8) == 3 << 8;
        int status = EXPRESS + 0x1A;
        if (off && indicatorOff && (before & 1 << 10) == 0 && pulled == null && isPopulated()) {
            secondary.clear();
            config.putShort(status, (short) (config.getShort(status) & ~(1 << 6) | 1 << 3));
        }
        linkFollowsPower();
        config.putShort(status, (short) (config.getShort(status) | 1 << 4));
    }

    private void linkFollowsPower() {
        boolean up = isPopulated() && isPowered();
        config.putShort(EXPRESS + 0x12, (short) (up ? 1 << 13 : 0));
    }

    /// Whether there is a card in the slot.
    public boolean isPopulated() {
        return secondary.containsKey(0);
    }

    private boolean isPowered() {
        return !slot || (config.getShort(EXPRESS + 0x18) & 1 << 10) == 0;
    }

    /// Whether Slot Control has the power indicator on.
    public boolean isIndicatorOn() {
        return (config.getShort(EXPRESS + 0x18) & 3 << 8) == 1 << 8;
    }

    /// Puts a card into the slot.
    public void plug(FakeFunction card) {
        secondary.put(0, card);
        event(1 << 3 | 1, true);
        linkFollowsPower();
    }

    /// Presses the attention button.
    public void press() {
        event(1, isPopulated());
    }

    /// Tears the card out.
    public void tear() {
        secondary.clear();
        event(1 << 3, false);
        linkFollowsPower();
    }

    private void event(int bits, boolean present) {
        int at = EXPRESS + 0x1A;
        int status = config.getShort(at) | bits;
        config.putShort(at, (short) (present ? status | 1 << 6 : status & ~(1 << 6)));
    }

    /// Puts a function on the bus behind this bridge.
    public FakeFunction behind(int devfn, FakeFunction function) {
        secondary.put(devfn, function);
        if (slot) {
            event(0, true);
            config.putShort(EXPRESS + 0x18, (short) 0x01C0);
            linkFollowsPower();
        }
        return this;
    }

    /// Says that there are more functions in this device.
    public FakeFunction multiFunction() {
        config.put(0x0E, (byte) (config.get(0x0E) | 0x80));
        return this;
    }

    /// Makes bits of config space writable.
    public FakeFunction allow(int offset, int width, int mask) {
        for (int i = 0; i < width; i++) {
            writable[offset + i] = (byte) (mask >>> 8 * i);
        }
        return this;
    }

    private void clear(int offset, int mask) {
        clearable[offset] = (byte) mask;
        clearable[offset + 1] = (byte) (mask >>> 8);
    }

    /// Sets raw config space.
    public FakeFunction config(int offset, int value) {
        config.putInt(offset, value);
        return this;
    }

    /// Adds a capability.
    ///
    /// @return where it is
    public int capability(int id, int length) {
        int at = nextCapability;
        config.put(lastCapability == 0 ? 0x34 : lastCapability + 1, (byte) at);
        config.putShort(6, (short) (config.getShort(6) | 1 << 4));
        config.put(at, (byte) id);
        lastCapability = at;
        nextCapability += length + 3 & ~3;
        return at;
    }

    /// Adds MSI-X with table and pending bits in a BAR.
    public FakeFunction msiX(int size, int bar, int table, int pending) {
        int at = capability(0x11, 12);
        config.putShort(at + 2, (short) (size - 1));
        allow(at + 2, 2, 0xC000);
        config.putInt(at + 4, table | bar);
        config.putInt(at + 8, pending | bar);
        return this;
    }

    /// Adds MSI.
    public FakeFunction msi(int log2Capable) {
        int at = capability(0x05, 24);
        config.putShort(at + 2, (short) (log2Capable << 1 | 1 << 7 | 1 << 8));
        allow(at + 2, 2, 0x71);
        allow(at + 4, 4, -4);
        allow(at + 8, 4, -1);
        allow(at + 12, 2, 0xFFFF);
        allow(at + 16, 4, -1);
        return this;
    }

    /// Adds a base address register; `type` is its low bits.
    public FakeFunction bar(int index, long size, int type) {
        int at = 0x10 + 4 * index;
        boolean wide = (type & 7) == 4;
        bars.put(index, new long[] {size, type});
        config.putInt(at, type);
        allow(at, 4, (int) -size);
        if (wide) {
            allow(at + 4, 4, (int) (-size >>> 32));
        }
        registers.put(
                index,
                ByteBuffer.allocate((int) Math.min(size, 1 << 16)).order(ByteOrder.LITTLE_ENDIAN));
        return this;
    }

    /// The registers behind a BAR, as the device sees them.
    public ByteBuffer registers(int index) {
        return registers.get(index);
    }

    /// Calls the device when BAR 0's register is written.
    public FakeFunction onRegister(long offset, IntConsumer device) {
        onRegister.put(offset, device);
        return this;
    }

    /// Calls the device after a config register was written, with its value before.
    public FakeFunction onConfig(int offset, IntConsumer device) {
        onConfig.put(offset, device);
        return this;
    }

    /// Raises or ends INTx as Status shows it.
    public void interruptStatus(boolean on) {
        int status = config.getShort(6);
        config.putShort(6, (short) (on ? status | 1 << 3 : status & ~(1 << 3)));
    }

    /// Whether it drives its INTx line now.
    public boolean assertsLine() {
        return (config.getShort(6) & 1 << 3) != 0 && (config.getShort(4) & 1 << 10) == 0;
    }

    /// Command.
    public int command() {
        return config.getShort(4) & 0xFFFF;
    }

    /// What a config read gives.
    public int read(int offset, int width) {
        return switch (width) {
            case 1 -> config.get(offset) & 0xFF;
            case 2 -> config.getShort(offset) & 0xFFFF;
            default -> config.getInt(offset);
        };
    }

    void write(int offset, int width, int value) {
        int before = width == 2 ? config.getShort(offset) & 0xFFFF : config.getInt(offset & ~3);
        for (int i = 0; i < width; i++) {
            int at = offset + i;
            int old = config.get(at) & 0xFF;
            int mask = writable[at] & 0xFF;
            int given = value >>> 8 * i & 0xFF;
            int cleared = given & clearable[at] & 0xFF;
            config.put(at, (byte) ((old & ~mask | given & mask) & ~cleared));
        }
        IntConsumer device = onConfig.get(offset);
        if (device != null) {
            device.accept(before);
        }
    }

    long barAddress(int index) {
        int at = 0x10 + 4 * index;
        boolean wide = (bars.get(index)[1] & 7) == 4;
        long low = config.getInt(at) & 0xFFFF_FFF0L;
        return wide ? low | (long) config.getInt(at + 4) << 32 : low;
    }

    /// The BAR that decodes an address, or -1.
    int decodes(long address, boolean io) {
        int bit = io ? 1 : 2;
        if ((command() & bit) == 0) {
            return -1;
        }
        for (Map.Entry<Integer, long[]> bar : bars.entrySet()) {
            long base = barAddress(bar.getKey());
            if ((bar.getValue()[1] & 1) == (io ? 1 : 0)
                    && base != 0
                    && address >= base
                    && address < base + bar.getValue()[0]) {
                return bar.getKey();
            }
        }
        return -1;
    }

    /// Whether a bridge forwards an address to the bus behind it.
    boolean forwards(long address, boolean io) {
        if (io || (command() & 2) == 0 || !isPowered()) {
            return false;
        }
        long base = (config.getShort(0x20) & 0xFFF0L) << 16;
        long limit = (config.getShort(0x22) & 0xFFF0L) << 16 | 0xFFFFF;
        long highBase = (config.getShort(0x24) & 0xFFF0L) << 16 | (long) config.getInt(0x28) << 32;
        long highLimit =
                (config.getShort(0x26) & 0xFFF0L) << 16
                        | 0xFFFFF
                        | (long) config.getInt(0x2C) << 32;
        return address >= base && address <= limit || address >= highBase && address <= highLimit;
    }

    boolean answersBehind() {
        return isPowered();
    }

    void registerWritten(int bar, long offset, int value) {
        IntConsumer device = bar == 0 ? onRegister.get(offset) : null;
        if (device != null) {
            device.accept(value);
        }
    }
}
