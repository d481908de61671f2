package helix.driver.kit;

import com.sun.management.ThreadMXBean;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.management.ManagementFactory;

/// Random mixed workloads against a shadow copy, and what a request allocates.
final class WorkloadCases {
    private static final int WARM_UP = 20_000;
    private static final int MEASURED = 20_000;
    private static final double BYTES_PER_REQUEST = 0.5;

    private final Cases cases;

    WorkloadCases(Cases cases) {
        this.cases = cases;
    }

    void list() {
        for (int depth : new int[] {1, 4, 32}) {
            if (depth <= cases.limits().maxQueueDepth()) {
                cases.add(
                        "random mixed workload, polled, depth " + depth,
                        device -> mixed(device, QueueOptions.polled(depth)));
            }
        }
        cases.add(
                "random mixed workload, interrupt",
                device -> mixed(device, QueueOptions.interrupt(16)));
        cases.add(
                "a request allocates nothing",
                cases.setup().allocation() ? null : "not asked for",
                this::allocation);
    }

    private void mixed(BlockDevice device, QueueOptions options) {
        long seed = cases.setup().seed() + options.depth();
        try (Io io = new Io(device, options);
                MixedWorkload workload = new MixedWorkload(io, cases.limits(), seed)) {
            workload.run(cases.setup().rounds());
            io.settle();
        } catch (AssertionError e) {
            throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
        }
    }

    private void allocation(BlockDevice device) {
        if (!(ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads)) {
            throw new AssertionError("this JVM does not count what threads allocate");
        }
        int depth = Math.min(16, cases.limits().maxQueueDepth());
        try (BlockQueue queue = device.openQueue(QueueOptions.polled(depth));
                DmaBuffer buffer = device.allocate(cases.blockSize())) {
            Reader reader = new Reader(queue, buffer);
            reader.run(WARM_UP);
            long before = threads.getCurrentThreadAllocatedBytes();
            reader.run(MEASURED);
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            Check.that(
                    bytes < BYTES_PER_REQUEST * MEASURED,
                    bytes + " bytes allocated for " + MEASURED + " requests");
        }
    }

    /// Reads block 0 as often as it can.
    private static final class Reader implements BlockQueue.CompletionHandler {
        private final BlockQueue queue;
        private final DmaBuffer buffer;
        private int ended;
        private int firstError;

        Reader(BlockQueue queue, DmaBuffer buffer) {
            this.queue = queue;
            this.buffer = buffer;
        }

        void run(int requests) {
            ended = 0;
            int begun = 0;
            long end = System.nanoTime() + Io.LIMIT_NANOS;
            while (ended < requests) {
                while (begun < requests && queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, begun)) {
                    begun++;
                }
                queue.kick();
                if (queue.poll(this, 64) == 0) {
                    Check.that(System.nanoTime() - end < 0, "requests did not end in time");
                    Thread.onSpinWait();
                }
            }
            Check.ok(firstError, "read");
        }

        @Override
        public void completed(int tag, int status) {
            ended++;
            if (status != 0) {
                firstError = status;
            }
        }
    }
}
