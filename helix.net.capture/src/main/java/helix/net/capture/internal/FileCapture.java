package helix.net.capture.internal;

import helix.net.api.NetworkInterface;
import helix.net.api.capture.PacketCapture.Capture;
import helix.net.api.capture.PacketCapture.Counters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A capture into a file: the thread that moves frames puts them into a ring, one of its own writes
/// them down.
final class FileCapture implements Capture {
    private static final Logger LOG = LoggerFactory.getLogger(FileCapture.class);
    private static final int RING_BYTES = 8 << 20;

    /// The most of a frame that is kept: one that was put together by the device.
    private static final int MOST_BYTES = 64 * 1024;

    private static final long NAP_NANOS = 1_000_000;
    private static final long FLUSH_NANOS = 200_000_000;
    private static final long JOIN_MILLIS = 10_000;
    private static final long NANOS = 1_000_000_000L;

    private final NetworkInterface of;
    private final Path path;
    private final long count;
    private final FrameRing ring;
    private final PcapngWriter file;
    private final Consumer<FileCapture> ended;
    private final AtomicLong frames = new AtomicLong();
    private final AtomicLong bytes = new AtomicLong();
    private final CountDownLatch complete = new CountDownLatch(1);
    private final AtomicBoolean closed = new AtomicBoolean();
    private final AutoCloseable subscription;
    private final Thread writer;
    private volatile @Nullable IOException failure;

    // The putting thread's.
    private long put;

    FileCapture(
            NetworkInterface of, Path path, int snapLength, long count, Consumer<FileCapture> ended)
            throws IOException {
        this.of = of;
        this.path = path;
        this.count = count;
        this.ended = ended;
        int most = snapLength == 0 ? MOST_BYTES : Math.min(snapLength, MOST_BYTES);
        ring = new FrameRing(RING_BYTES, most);
        file = new PcapngWriter(path, of.name(), of.macAddress(), most);
        writer =
                Thread.ofPlatform()
                        .daemon()
                        .name("helix-capture-" + of.name())
                        .unstarted(this::write);
        writer.start();
        subscription = of.monitor(this::frame);
    }

    private void frame(
            boolean sent, long nanos, MemorySegment memory, long offset, int length, boolean more) {
        if (count == 0 || put < count) {
            put += ring.put(sent, nanos, memory, offset, length, more) ? 1 : 0;
        }
    }

    private void write() {
        long flushed = System.nanoTime();
        try {
            while (true) {
                boolean last = closed.get();
                int some = ring.drain(this::write);
                if (last) {
                    return;
                }
                if (some == 0) {
                    LockSupport.parkNanos(this, NAP_NANOS);
                }
                if (System.nanoTime() - flushed > FLUSH_NANOS) {
                    // Whoever looks into the file meanwhile sees whole blocks.
                    file.flush();
                    flushed = System.nanoTime();
                }
            }
        } catch (IOException e) {
            failure = e;
            LOG.warn("{} cannot be written, nothing is captured any more", path, e);
        } finally {
            complete.countDown();
        }
    }

    private void write(boolean sent, long nanos, byte[] frame, int length) throws IOException {
        file.frame(sent, nanos, frame, length);
        bytes.addAndGet(frame.length);
        if (frames.incrementAndGet() == count) {
            complete.countDown();
        }
    }

    @Override
    public NetworkInterface of() {
        return of;
    }

    @Override
    public Path file() {
        return path;
    }

    @Override
    public Counters counters() {
        return new Counters(frames.get(), bytes.get(), ring.dropped());
    }

    @Override
    public boolean await(long nanos) throws InterruptedException {
        return complete.await(nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void close() throws IOException {
        if (closed.getAndSet(true)) {
            return;
        }
        ended.accept(this);
        try {
            subscription.close();
            LockSupport.unpark(writer);
            writer.join(JOIN_MILLIS);
            if (writer.isAlive()) {
                throw new IOException(path + " takes too long to be written");
            }
        } catch (IOException e) {
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted before all was written to " + path, e);
        } catch (Exception e) {
            throw new UncheckedIOException(new IOException("the capture does not end", e));
        }
        Instant now = Instant.now();
        try (file) {
            if (failure != null) {
                throw new IOException(path + " could not be written", failure);
            }
            file.statistics(
                    now.getEpochSecond() * NANOS + now.getNano(),
                    frames.get() + ring.dropped(),
                    ring.dropped());
        }
    }
}
