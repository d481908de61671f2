package helix.integration.fuzz;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.hal.api.machine.MachineControl.Choice;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.DmaPort;
import helix.hal.sim.api.FunctionShape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;

/// A device whose replies are sometimes not what its model said: values of registers, bytes that it
/// writes to memory (data and completions), messages lost, doubled, late or of another vector. All
/// from one seed.
///
/// The machine calls a function with its lock held, so there is no other order here.
final class FuzzedModel implements DeviceModel {
    private static final int RANGES = 64;
    private static final int LATE = 8;

    /// Registers are mutated so many times more seldom than what is written to memory.
    private static final int REGISTERS = 8;

    private final DeviceModel model;
    private final SplittableRandom random;
    private final AtomicLong mutations = new AtomicLong();
    private final long[] offsets = new long[RANGES];
    private final long[] lengths = new long[RANGES];
    private final int[] late = new int[LATE];
    private int written;
    private int lateCount;
    private int vectors = 1;

    /// One reply in so many is mutated; 0 for none.
    private volatile int oneIn;

    private volatile DmaPort port;

    FuzzedModel(DeviceModel model, long seed) {
        this.model = model;
        random = new SplittableRandom(seed);
    }

    /// Begins to mutate one reply in so many, or ends with 0.
    void mutate(int oneReplyIn) {
        oneIn = oneReplyIn;
    }

    /// How many replies were mutated.
    long mutations() {
        return mutations.get();
    }

    private boolean hit() {
        int n = oneIn;
        if (n == 0 || random.nextInt(n) != 0) {
            return false;
        }
        mutations.incrementAndGet();
        return true;
    }

    @Override
    public FunctionShape shape() {
        FunctionShape shape = model.shape();
        FunctionShape.Msix msix = shape.msix();
        vectors = msix == null ? 1 : msix.vectors();
        return shape;
    }

    @Override
    public void powerOn(DeviceContext device) {
        Dma dma = new Dma(device.dma());
        port = dma;
        model.powerOn(new Context(device, dma));
    }

    @Override
    public long read(int bar, long offset, int width) {
        long value = model.read(bar, offset, width);
        afterwards();
        // A wrong register mostly ends in a reset, after which nothing is left to mutate.
        return random.nextInt(REGISTERS) == 0 && hit() ? mutated(value, width) : value;
    }

    private long mutated(long value, int width) {
        return switch (random.nextInt(5)) {
            case 0 -> -1;
            case 1 -> 0;
            case 2 -> value ^ 1L << random.nextInt(8 * width);
            case 3 -> value + random.nextInt(-2, 3);
            default -> random.nextLong();
        };
    }

    @Override
    public void write(int bar, long offset, int width, long value) {
        model.write(bar, offset, width, value);
        afterwards();
    }

    @Override
    public int tick() {
        int done = model.tick();
        afterwards();
        return done;
    }

    /// Changes what the model has just written to memory, and sends messages that are late.
    private void afterwards() {
        DmaPort dma = port;
        for (int i = 0; i < written; i++) {
            if (dma != null && hit()) {
                long at = offsets[i] + random.nextLong(lengths[i]);
                byte value = (byte) mutated(dma.memory().get(JAVA_BYTE, at), 1);
                dma.memory().set(JAVA_BYTE, at, value);
            }
        }
        written = 0;
    }

    @Override
    public void reset(Reset kind) {
        written = 0;
        lateCount = 0;
        model.reset(kind);
    }

    @Override
    public List<Choice> faults() {
        return model.faults();
    }

    @Override
    public String fault(String name, Map<String, String> options) {
        return model.fault(name, options);
    }

    @Override
    public void close() {
        model.close();
    }

    /// Remembers what is written.
    private final class Dma implements DmaPort {
        private final DmaPort port;

        Dma(DmaPort port) {
            this.port = port;
        }

        @Override
        public MemorySegment memory() {
            return port.memory();
        }

        @Override
        public long translate(long address, long length, boolean write) {
            long offset = port.translate(address, length, write);
            if (write && offset != REFUSED && oneIn != 0 && written < RANGES) {
                offsets[written] = offset;
                lengths[written] = length;
                written++;
            }
            return offset;
        }
    }

    private final class Context implements DeviceContext {
        private final DeviceContext device;
        private final DmaPort dma;

        Context(DeviceContext device, DmaPort dma) {
            this.device = device;
            this.dma = dma;
        }

        @Override
        public String id() {
            return device.id();
        }

        @Override
        public DmaPort dma() {
            return dma;
        }

        @Override
        public void message(int vector) {
            if (!hit()) {
                device.message(vector);
            } else {
                switch (random.nextInt(4)) {
                    case 0 -> {} // lost
                    case 1 -> {
                        device.message(vector);
                        device.message(vector);
                    }
                    case 2 -> device.message(random.nextInt(vectors));
                    default -> {
                        if (lateCount < LATE) {
                            late[lateCount++] = vector;
                        }
                    }
                }
                return;
            }
            while (lateCount > 0) {
                device.message(late[--lateCount]);
            }
        }

        @Override
        public boolean messagesEnabled() {
            return device.messagesEnabled();
        }

        @Override
        public void line(boolean raised) {
            device.line(raised);
        }

        @Override
        public long nanos() {
            return device.nanos();
        }

        @Override
        public void wakeAt(long nanos) {
            device.wakeAt(nanos);
        }

        @Override
        public void wake() {
            device.wake();
        }

        @Override
        public RandomGenerator random() {
            return device.random();
        }

        @Override
        public void violation(String rule, String detail) {
            device.violation(rule, detail);
        }
    }
}
