package helix.shell.blk.soak;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Verified load on a device, from [#start] to [#finish()]. Each writer has a part of the region, a
/// queue and a thread.
public final class SoakRun implements AutoCloseable {
    private static final int CELL = SoakOptions.CELL_BYTES;
    private static final Duration ENDING = Duration.ofMinutes(30);

    private final ReloadWindow window = new ReloadWindow();
    private final List<Writer> writers = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Defects inImage = new Defects();
    private final CountDownLatch firstEnded = new CountDownLatch(1);
    private final SoakOptions options;
    private final int blockSize;
    private final long begun = System.nanoTime();

    /// Tells what this run writes from what an earlier one with the same seed did.
    private final long run = new SplittableRandom().nextLong();

    private boolean finished;

    private SoakRun(SoakOptions options, int blockSize) {
        this.options = options;
        this.blockSize = blockSize;
    }

    /// Begins.
    ///
    /// @param device what to load; an access that is exclusive
    /// @param options how
    /// @return the run, to be closed by the caller
    /// @throws IllegalArgumentException if the device is too small, or takes no such requests
    /// @throws helix.driver.api.block.BlockException if it has not that many queues
    public static SoakRun start(BlockDevice device, SoakOptions options) {
        SoakRun run = new SoakRun(options, device.blockSize());
        try {
            run.open(device);
        } catch (RuntimeException e) {
            run.writers.forEach(Writer::cancel);
            run.writers.forEach(Writer::run); // closes what it has
            throw e;
        }
        for (Writer writer : run.writers) {
            Thread thread =
                    Thread.ofPlatform()
                            .name("soak-" + writer.ledger().writer())
                            .daemon()
                            .unstarted(() -> {
                                writer.run();
                                run.firstEnded.countDown();
                            });
            run.threads.add(thread);
            thread.start();
        }
        return run;
    }

    private void open(BlockDevice device) {
        int cellBytes = Math.max(CELL, blockSize);
        int mostBytes = Math.min(SoakOptions.MOST_BYTES, device.limits().maxTransferBytes());
        mostBytes -= mostBytes % cellBytes;
        long size = Math.min(options.bytes(), device.totalBlocks() * blockSize);
        long cells = size / cellBytes / options.threads();
        if (mostBytes == 0 || cells < 1 || cells > Integer.MAX_VALUE / 16) {
            throw new IllegalArgumentException(
                    "%d bytes for %d writers with cells of %d bytes, requests of up to %d bytes"
                            .formatted(size, options.threads(), cellBytes, mostBytes));
        }
        int blocksPerCell = cellBytes / blockSize;
        for (int i = 0; i < options.threads(); i++) {
            Ledger ledger = new Ledger(i, i * cells * blocksPerCell, (int) cells, blocksPerCell);
            BlockQueue queue =
                    device.openQueue(new QueueOptions(options.depth(), options.completion()));
            DmaBuffer buffer;
            try {
                buffer = device.allocate((long) queue.depth() * mostBytes);
            } catch (RuntimeException e) {
                queue.close();
                throw e;
            }
            writers.add(
                    new Writer(queue, buffer, options, ledger, window, run, blockSize, mostBytes));
        }
    }

    /// Waits while it runs.
    ///
    /// @param time how long
    /// @return whether a writer ended by itself, so that there is nothing more to wait for
    /// @throws InterruptedException if the thread is interrupted
    public boolean await(Duration time) throws InterruptedException {
        return firstEnded.await(time.toNanos(), TimeUnit.NANOSECONDS);
    }

    /// Requests that ended so far.
    ///
    /// @return a count
    public long ios() {
        return writers.stream().mapToLong(Writer::ios).sum();
    }

    /// Ends the load, and waits until everything has been flushed and read once more.
    ///
    /// @throws InterruptedException if the thread is interrupted; the run is then cancelled by
    ///   [#close()]
    public void finish() throws InterruptedException {
        writers.forEach(Writer::stop);
        join();
        finished = true;
    }

    private void join() throws InterruptedException {
        long deadline = System.nanoTime() + ENDING.toNanos();
        for (Thread thread : threads) {
            long left = deadline - System.nanoTime();
            if (!thread.join(Duration.ofNanos(Math.max(left, 1)))) {
                throw new IllegalStateException(thread.getName() + " does not end");
            }
        }
    }

    /// Looks into the file behind the disk. After [#finish()].
    ///
    /// @param image a raw image
    /// @throws IOException if it cannot be read
    public void verifyImage(Path image) throws IOException {
        for (Writer writer : writers) {
            ImageCheck.run(image, writer, run, blockSize, inImage);
        }
    }

    ReloadWindow window() {
        return window;
    }

    long bytes() {
        return writers.stream().mapToLong(Writer::bytes).sum();
    }

    double seconds() {
        return (System.nanoTime() - begun) / 1e9;
    }

    Defects defects() {
        Defects all = new Defects();
        writers.forEach(w -> all.add(w.defects()));
        all.add(inImage);
        return all;
    }

    Latencies latencies() {
        Latencies all = new Latencies(window);
        writers.forEach(w -> all.add(w.latencies()));
        return all;
    }

    /// Why writers could not do their work.
    List<String> failures() {
        List<String> messages = new ArrayList<>();
        for (Writer writer : writers) {
            @Nullable String failure = writer.failure();
            if (failure != null) {
                messages.add("writer " + writer.ledger().writer() + ": " + failure);
            }
        }
        return messages;
    }

    /// Cancels what was not finished.
    @Override
    public void close() {
        if (finished) {
            return;
        }
        writers.forEach(Writer::cancel);
        boolean interrupted = Thread.interrupted();
        try {
            join();
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
