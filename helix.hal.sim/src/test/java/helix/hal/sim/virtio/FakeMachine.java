package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.DmaPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// One function without a machine around it: memory without an IOMMU, virtual time, and a record of
/// all that the model asks for.
final class FakeMachine implements DeviceContext, DmaPort, Target, AutoCloseable {
    static final long BASE = 0x10_0000;
    private static final int MEMORY = 32 << 20;
    private static final int MOST_TICKS = 100_000;

    final List<Integer> messages = new ArrayList<>();
    final List<String> violations = new ArrayList<>();
    final List<String> faults = new ArrayList<>();
    boolean line;
    boolean msix = true;
    long now;
    long wakeAt = -1;
    int ticks;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(MEMORY, 4096);
    private final RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
    private final DeviceModel model;
    private volatile boolean woken;

    FakeMachine(DeviceModel model) {
        this.model = model;
        model.powerOn(this);
    }

    DeviceModel model() {
        return model;
    }

    // ---- DeviceContext

    @Override
    public String id() {
        return "fake0";
    }

    @Override
    public DmaPort dma() {
        return this;
    }

    @Override
    public void message(int vector) {
        messages.add(vector);
    }

    @Override
    public boolean messagesEnabled() {
        return msix;
    }

    @Override
    public void line(boolean raised) {
        line = raised;
    }

    @Override
    public long nanos() {
        return now;
    }

    @Override
    public void wakeAt(long nanos) {
        wakeAt = nanos;
    }

    @Override
    public void wake() {
        woken = true;
    }

    @Override
    public RandomGenerator random() {
        return random;
    }

    @Override
    public void violation(String rule, String detail) {
        violations.add(rule + ": " + detail);
    }

    // ---- DmaPort

    @Override
    public MemorySegment memory() {
        return memory;
    }

    @Override
    public long translate(long address, long length, boolean write) {
        long offset = address - BASE;
        if (offset < 0 || length <= 0 || offset > MEMORY - length) {
            faults.add("%s of %d at 0x%x".formatted(write ? "write" : "read", length, address));
            return REFUSED;
        }
        return offset;
    }

    // ---- Target

    @Override
    public long read(int offset, int width) {
        return model.read(PciLayout.BAR, offset, width);
    }

    @Override
    public void write(int offset, int width, long value) {
        model.write(PciLayout.BAR, offset, width, value);
    }

    @Override
    public long base() {
        return BASE;
    }

    int tick() {
        ticks++;
        return model.tick();
    }

    @Override
    public void settle() {
        for (int i = 0; i < MOST_TICKS; i++) {
            boolean asked = woken;
            woken = false;
            if (tick() == 0 && !asked && !woken) {
                return;
            }
        }
        throw new AssertionError("the model does not come to rest");
    }

    boolean isWoken() {
        return woken;
    }

    @Override
    public void close() {
        model.close();
        arena.close();
    }
}
