package helix.hal.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import helix.hal.api.PciBar;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.DmaPort;
import helix.hal.sim.api.FunctionShape;
import org.jspecify.annotations.Nullable;

/// An adder: writes the sum of `COUNT` (0x08) 32-bit words at `ADDRESS` (0x00, 64 bits) behind
/// them, once `COUNT` is written, and interrupts.
final class AdderDevice implements DeviceModel {
    private @Nullable DeviceContext device;
    private long address;
    private int count;

    @Override
    public FunctionShape shape() {
        return FunctionShape.builder(0x1234, 0x0ADD, 0xFF0000)
                .bar(0, PciBar.Kind.MEMORY32, 0x1000)
                .msix(1, 0, 0x800, 0xC00)
                .build();
    }

    @Override
    public void powerOn(DeviceContext context) {
        device = context;
    }

    @Override
    public long read(int bar, long offset, int width) {
        return offset == 0 ? address : offset == 8 ? count : 0;
    }

    @Override
    public void write(int bar, long offset, int width, long value) {
        if (offset == 0 && width == 8) {
            address = value;
        } else if (offset == 8 && width == 4 && device != null) {
            count = (int) value;
            device.line(false);
        } else if (device != null) {
            device.violation("no such register", width + " bytes at " + offset);
        }
    }

    @Override
    public int tick() {
        if (count == 0 || device == null) {
            return 0;
        }
        DmaPort dma = device.dma();
        long at = dma.translate(address, 4L * count + 4, true);
        int sum = 0;
        for (int i = 0; at != DmaPort.REFUSED && i < count; i++) {
            sum += dma.memory().get(JAVA_INT_UNALIGNED, at + 4L * i);
        }
        if (at != DmaPort.REFUSED) {
            dma.memory().set(JAVA_INT_UNALIGNED, at + 4L * count, sum);
        }
        count = 0;
        if (device.messagesEnabled()) {
            device.message(0);
        } else {
            device.line(true);
        }
        return 1;
    }

    @Override
    public void reset(Reset kind) {
        address = 0;
        count = 0;
    }
}
