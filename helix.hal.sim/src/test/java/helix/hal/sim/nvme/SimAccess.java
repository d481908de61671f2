package helix.hal.sim.nvme;

import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DmaPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/// The model with a machine around it that is as small as can be: virtual time, and memory of which
/// pages can be forbidden.
final class SimAccess implements ControllerAccess, AutoCloseable {
    static final long BASE = 0x10_0000;
    private static final long BYTES = 4L << 20;
    private static final long TICK_NANOS = 1000;

    final NvmeModel model;
    final List<String> violations = new ArrayList<>();
    final List<Integer> messages = new ArrayList<>();
    boolean messagesEnabled = true;
    boolean line;
    int refused;
    long forbidden = -1;
    long nanos;
    long wakeAt = Long.MAX_VALUE;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(BYTES, 4096);

    SimAccess(String... options) {
        Map<String, String> map = new HashMap<>();
        map.put("backing", "mem:16M");
        for (String option : options) {
            String[] pair = option.split("=", 2);
            map.put(pair[0], pair[1]);
        }
        if (map.containsKey("file")) {
            map.remove("backing");
        }
        model = (NvmeModel) new NvmeFactory().create("nvme0", map);
        model.powerOn(new Context());
    }

    @Override
    public long read(int offset, int width) {
        return model.read(0, offset, width);
    }

    @Override
    public void write(int offset, int width, long value) {
        model.write(0, offset, width, value);
    }

    @Override
    public MemorySegment memory() {
        return memory;
    }

    @Override
    public long address() {
        return BASE;
    }

    @Override
    public void progress() {
        nanos += TICK_NANOS;
        int _ = model.tick();
    }

    void progress(int ticks) {
        for (int i = 0; i < ticks; i++) {
            progress();
        }
    }

    @Override
    public void close() {
        model.close();
        arena.close();
    }

    private final class Context implements DeviceContext, DmaPort {
        private final RandomGenerator random = new SplittableRandom(1);

        @Override
        public String id() {
            return "nvme0";
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
            return messagesEnabled;
        }

        @Override
        public void line(boolean raised) {
            line = raised;
        }

        @Override
        public long nanos() {
            return nanos;
        }

        @Override
        public void wakeAt(long at) {
            wakeAt = at;
        }

        @Override
        public void wake() {}

        @Override
        public RandomGenerator random() {
            return random;
        }

        @Override
        public void violation(String rule, String detail) {
            violations.add(rule + ": " + detail);
        }

        @Override
        public MemorySegment memory() {
            return memory;
        }

        @Override
        public long translate(long address, long length, boolean write) {
            long offset = address - BASE;
            boolean isForbidden =
                    forbidden >= 0 && offset < forbidden + 4096 && offset + length > forbidden;
            if (offset < 0 || offset + length > BYTES || isForbidden) {
                refused++;
                return REFUSED;
            }
            return offset;
        }
    }
}
