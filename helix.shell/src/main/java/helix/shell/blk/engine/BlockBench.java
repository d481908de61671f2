package helix.shell.blk.engine;

import com.sun.management.ThreadMXBean;
import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Measures a block device with one queue, driven by the calling thread.
public final class BlockBench {
    private final BlockDevice device;
    private final BenchOptions options;
    private final ThreadMXBean threads;

    private BlockBench(BlockDevice device, BenchOptions options) {
        this.device = device;
        this.options = options;
        if (!(ManagementFactory.getThreadMXBean() instanceof ThreadMXBean counting)) {
            throw new IllegalStateException("this JVM does not count what threads allocate");
        }
        threads = counting;
    }

    /// Runs a benchmark on the calling thread.
    ///
    /// @param device what to measure; for a writing benchmark an access that is exclusive
    /// @param options what to measure
    /// @return what was measured, warm-up excluded
    /// @throws IllegalArgumentException if the device does not take such requests
    /// @throws helix.driver.api.block.BlockException if the device went
    /// @throws java.util.concurrent.CancellationException if the thread is interrupted
    public static BenchResult run(BlockDevice device, BenchOptions options) {
        check(device, options);
        return new BlockBench(device, options).run();
    }

    private static void check(BlockDevice device, BenchOptions options) {
        int bytes = options.requestBytes();
        int most = device.limits().maxTransferBytes();
        if (bytes < 1 || bytes % device.blockSize() != 0 || bytes > most) {
            throw new IllegalArgumentException(
                    "requests of "
                            + bytes
                            + " bytes; the device takes multiples of "
                            + device.blockSize()
                            + " up to "
                            + most);
        }
        if (bytes / device.blockSize() > device.totalBlocks()) {
            throw new IllegalArgumentException(
                    "a request of " + bytes + " bytes is larger than the device");
        }
        if (options.access().writes() && device instanceof Disk.Access access) {
            boolean exclusive =
                    access.disk().users().stream()
                            .anyMatch(u -> u.mode() == Disk.OpenMode.WRITE_EXCLUSIVE);
            if (!exclusive) {
                throw new IllegalArgumentException(
                        options.access()
                                + " overwrites the disk and needs exclusive access to "
                                + access.disk().name());
            }
        }
    }

    private BenchResult run() {
        @Nullable Double roundTripBefore = measure(options.mmioRoundTrip());
        QueueOptions queueOptions = new QueueOptions(options.depth(), options.completion());
        try (BlockQueue queue = device.openQueue(queueOptions);
                DmaBuffer buffer = device.allocate((long) queue.depth() * options.requestBytes())) {
            randomize(buffer);
            BenchLoop loop =
                    new BenchLoop(queue, options, buffer, device.blockSize(), device.totalBlocks());
            loop.run(options.warmUp());
            long mmioBefore = count(options.mmioCounter());
            long modelBefore = count(options.modelNanos());
            long allocatedBefore = threads.getTotalThreadAllocatedBytes();
            long nanos = loop.run(options.duration());
            long allocated = threads.getTotalThreadAllocatedBytes() - allocatedBefore;
            long mmio = count(options.mmioCounter()) - mmioBefore;
            long model = count(options.modelNanos()) - modelBefore;
            return result(loop, nanos, allocated, mmio, model, roundTripBefore);
        }
    }

    private BenchResult result(
            BenchLoop loop,
            long nanos,
            long allocated,
            long mmio,
            long model,
            @Nullable Double roundTripBefore) {
        double seconds = nanos / 1e9;
        long ios = loop.ios();
        @Nullable Double roundTripAfter = measure(options.mmioRoundTrip());
        return new BenchResult(
                ios / seconds,
                loop.latency(),
                (double) allocated / ios,
                options.mmioCounter() == null ? null : (double) mmio / ios,
                roundTripBefore == null || roundTripAfter == null
                        ? null
                        : (roundTripBefore + roundTripAfter) / 2,
                (double) loop.driverNanos() / ios,
                options.modelNanos() == null ? null : (double) model / ios,
                ios,
                ios / seconds * options.requestBytes(),
                loop.errors(),
                seconds,
                loop.depth(),
                options.seed());
    }

    private static long count(@Nullable LongSupplier counter) {
        return counter == null ? 0 : counter.getAsLong();
    }

    private static @Nullable Double measure(@Nullable DoubleSupplier probe) {
        return probe == null ? null : probe.getAsDouble();
    }

    /// So that storage behind the device cannot take writes for zeroes.
    private void randomize(DmaBuffer buffer) {
        SplittableRandom random = new SplittableRandom(options.seed());
        for (long at = 0; at + Long.BYTES <= buffer.size(); at += Long.BYTES) {
            buffer.segment().set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
        }
    }
}
