package helix.hal.sim.nvme;

import helix.hal.api.PciBar;
import helix.hal.api.machine.MachineControl.Choice;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.List;
import java.util.Map;

/// An NVM Express 2.0 controller over PCI Express.
public final class NvmeModel implements DeviceModel {
    private static final int CLASS_NVM_EXPRESS = 0x010802;
    private static final int MSIX_BAR = 4;
    private static final int LEAST_REGISTERS = 16384; // MLBAR: bits 13:4 are 0
    private static final int CAPABILITIES_END = 0x1000;

    private final NvmeOptions options;
    private final Controller controller;

    NvmeModel(NvmeOptions options) {
        this.options = options;
        controller = new Controller(options);
    }

    @Override
    public FunctionShape shape() {
        int vectors = options.queues() + 1;
        int pending = round(vectors * 16, 4096);
        return FunctionShape.builder(IdentifyData.VENDOR, IdentifyData.DEVICE, CLASS_NVM_EXPRESS)
                .subsystem(IdentifyData.VENDOR, IdentifyData.DEVICE)
                .bar(0, PciBar.Kind.MEMORY64, registerBytes())
                .bar(MSIX_BAR, PciBar.Kind.MEMORY32, powerOfTwo(pending + 4096))
                .msix(vectors, MSIX_BAR, 0, pending)
                .build();
    }

    private int registerBytes() {
        int doorbells = (options.queues() + 1) * 8;
        return Math.max(LEAST_REGISTERS, powerOfTwo(ControllerRegisters.DOORBELLS + doorbells));
    }

    private static int round(int value, int unit) {
        return (value + unit - 1) / unit * unit;
    }

    private static int powerOfTwo(int value) {
        return Integer.highestOneBit(value - 1) << 1;
    }

    @Override
    public void powerOn(DeviceContext device) {
        controller.powerOn(device);
    }

    @Override
    public long read(int bar, long offset, int width) {
        if (!controller.isPowered()) {
            return -1;
        }
        if (bar != 0 || !isAllowed("read", offset, width)) {
            return 0;
        }
        int at = (int) offset;
        if (at >= CAPABILITIES_END) {
            controller.violation(
                    "doorbell read (NVMe over PCIe 1.0, 3.1.2)", "offset %xh".formatted(offset));
            return 0;
        }
        long low = Integer.toUnsignedLong(controller.registers.read32(at));
        return width == 4 ? low : low | (long) controller.registers.read32(at + 4) << 32;
    }

    @Override
    public void write(int bar, long offset, int width, long value) {
        if (!controller.isPowered() || bar != 0 || !isAllowed("written", offset, width)) {
            return;
        }
        int at = (int) offset;
        if (at < CAPABILITIES_END) {
            controller.registers.write32(at, (int) value);
            if (width == 8) {
                controller.registers.write32(at + 4, (int) (value >>> 32));
            }
        } else if (controller.registers.isReady()) {
            controller.queues.doorbell(at, (int) value);
        } else if (!controller.registers.isFatal()) {
            controller.violation(
                    "doorbell written while CSTS.RDY is 0 (Base 2.0, 3.1.3.6)",
                    "offset %xh, value %xh".formatted(offset, value));
        }
    }

    private boolean isAllowed(String what, long offset, int width) {
        boolean fits =
                width == 4
                        || (width == 8
                                && (offset == ControllerRegisters.CAP
                                        || offset == ControllerRegisters.ASQ
                                        || offset == ControllerRegisters.ACQ));
        if (!fits || (offset & width - 1) != 0) {
            controller.violation(
                    "property %s with a wrong width (NVMe over PCIe 1.0, 3.1.2)".formatted(what),
                    "%d bytes at %xh".formatted(width, offset));
            return false;
        }
        return true;
    }

    @Override
    public int tick() {
        return controller.tick();
    }

    @Override
    public void reset(Reset kind) {
        controller.reset();
        if (kind == Reset.POWER) {
            controller.powerReturned();
        }
    }

    @Override
    public List<Choice> faults() {
        return Faults.CHOICES;
    }

    @Override
    public String fault(String name, Map<String, String> given) {
        return controller.faults.inject(name, given);
    }

    /// Of I/O queues: `completed` commands, those `out-of-order`, which began before one that was
    /// completed already, and `wraps` of completion queues.
    @Override
    public Map<String, Long> counters() {
        return controller.counters();
    }

    /// Power is lost now, as by the fault `power-cut`.
    ///
    /// @return how many logical blocks lost what was written to them last
    public int cutPower() {
        return controller.cutPower();
    }

    /// Power is back; the registers have their reset values.
    public void restorePower() {
        controller.restorePower();
    }

    @Override
    public void close() {
        controller.close();
    }
}
