package helix.hal.sim;

import helix.hal.api.PciBar;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.lang.foreign.MemorySegment;

/// Register 0, 64 bits: the number at the address that is written there is squared.
final class ExampleDevice implements DeviceModel {
    private DeviceContext device;
    private long address;

    @Override
    public FunctionShape shape() {
        FunctionShape.Builder shape = FunctionShape.builder(0x1234, 0x5A5A, 0xFF0000);
        return shape.bar(0, PciBar.Kind.MEMORY32, 0x1000).msix(1, 0, 0x800, 0xC00).build();
    }

    @Override
    public void powerOn(DeviceContext context) {
        device = context;
    }

    @Override
    public long read(int bar, long offset, int width) {
        return address;
    }

    @Override
    public void write(int bar, long offset, int width, long value) {
        if (offset != 0 || width != 8) {
            device.violation("no such register", width + " bytes at " + offset);
        }
        address = value;
    }

    @Override
    public int tick() {
        int[] number = {0};
        if (address == 0) {
            return 0;
        }
        if (device.dma().read(address, MemorySegment.ofArray(number))) {
            number[0] *= number[0];
            boolean _ = device.dma().write(address, MemorySegment.ofArray(number));
        }
        address = 0;
        device.message(0);
        return 1;
    }

    @Override
    public void reset(Reset kind) {
        address = 0;
    }
}
