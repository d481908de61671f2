package helix.hal.internal.fake;

import helix.hal.api.PciBar;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A model of a device that writes where it is told to, and interrupts when it did or could not.
public final class Writer implements DeviceModel {
    /// What its functions call themselves.
    public static final int DEVICE_ID = 0x3317;

    /// Where to write, 64 bits.
    public static final int ADDRESS = 0x00;

    /// What to write, 32 bits; writing this starts it.
    public static final int VALUE = 0x08;

    /// 1 if the last one was written, 2 if it was refused, 32 bits; reading it ends the interrupt.
    public static final int RESULT = 0x0C;

    private @Nullable DeviceContext device;
    private long address;
    private int value;
    private int result;
    private boolean ordered;

    @Override
    public FunctionShape shape() {
        return FunctionShape.builder(0x1234, DEVICE_ID, 0xFF0000)
                .bar(0, PciBar.Kind.MEMORY64, 0x4000)
                .bar(2, PciBar.Kind.IO, 0x20)
                .msix(2, 0, 0x2000, 0x3000)
                .build();
    }

    @Override
    public void powerOn(DeviceContext context) {
        device = context;
    }

    @Override
    public long read(int bar, long offset, int width) {
        if (offset == RESULT) {
            Objects.requireNonNull(device).line(false);
            return result;
        }
        return offset == ADDRESS ? address : value;
    }

    @Override
    public void write(int bar, long offset, int width, long bits) {
        switch ((int) offset) {
            case ADDRESS -> address = bits;
            case VALUE -> {
                value = (int) bits;
                ordered = true;
            }
            default -> Objects.requireNonNull(device).violation("no register", "at " + offset);
        }
    }

    @Override
    public int tick() {
        if (!ordered) {
            return 0;
        }
        ordered = false;
        DeviceContext context = Objects.requireNonNull(device);
        int[] word = {value};
        result = context.dma().write(address, MemorySegment.ofArray(word)) ? 1 : 2;
        if (context.messagesEnabled()) {
            context.message(0);
        } else {
            context.line(true);
        }
        return 1;
    }

    @Override
    public void reset(Reset kind) {
        address = 0;
        value = 0;
        result = 0;
        ordered = false;
    }
}
