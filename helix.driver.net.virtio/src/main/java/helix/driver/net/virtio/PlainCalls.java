package helix.driver.net.virtio;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The calls that wait and copy, one at a time in each direction, by way of pair 0 and memory of
/// their own. The first call opens the queue; a client that opens the same queue gets it from here.
final class PlainCalls {
    private static final int SEND_FRAMES = 4;
    private static final int RECEIVE_FRAMES = 64;
    private static final int MOST_PIECES = 64;
    private static final long NAP_NANOS = 20_000;
    private static final int SPINS = 1_000;

    private final Adapter adapter;
    private final Queues queues;
    private final ReentrantLock sending = new ReentrantLock();
    private final ReentrantLock receiving = new ReentrantLock();
    private final Burst toSend = new Burst(1);
    private final Burst received = new Burst(MOST_PIECES);
    private @Nullable TransmitQueue tx;
    private volatile @Nullable ReceiveQueue rx;
    private volatile boolean yielding;

    PlainCalls(Adapter adapter) {
        this.adapter = adapter;
        queues = adapter.queues();
    }

    private FramePool pool(int frames) {
        int bytes = FramePool.HEADROOM + adapter.limits().maxFrame() + NetHeader.BYTES;
        int frameSize = (bytes + 63) / 64 * 64;
        return new FramePool(adapter.hal().allocateShared((long) frames * frameSize), frameSize);
    }

    private static NetQueueOptions options(int depth) {
        return new NetQueueOptions(0, depth, true, false);
    }

    // ---- Sending

    void send(MemorySegment frame) {
        long size = frame.byteSize();
        if (size < ReceiveQueue.LEAST_FRAME || size > adapter.limits().maxFrame()) {
            throw new NetworkException(
                    Reason.FRAME_SIZE,
                    "%s: a frame of %d bytes, not %d to %d"
                            .formatted(
                                    adapter.name(),
                                    size,
                                    ReceiveQueue.LEAST_FRAME,
                                    adapter.limits().maxFrame()));
        }
        sending.lock();
        try {
            TransmitQueue queue = openedTx();
            long end = System.nanoTime() + adapter.settings().sendTimeout().toNanos();
            int _ = queue.reclaim();
            int number = queue.pool().take();
            if (number < 0) {
                throw timedOut();
            }
            MemorySegment.copy(frame, 0, queue.memory, queue.pool().at(number), size);
            toSend.clear().add(number, (int) size, 0);
            if (queue.send(toSend) == 0) {
                queue.pool().give(number);
                throw queue.isOpen() ? timedOut() : gone();
            }
            awaitSent(queue, end);
        } finally {
            sending.unlock();
        }
    }

    private void awaitSent(TransmitQueue queue, long end) {
        for (int looks = 0; queue.inFlight() > 0; looks++) {
            int _ = queue.reclaim();
            if (!queue.isOpen()) {
                throw gone();
            }
            if (queue.inFlight() > 0 && System.nanoTime() - end >= 0) {
                throw timedOut();
            }
            if (looks < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(queue, NAP_NANOS);
            }
        }
    }

    private NetworkException timedOut() {
        return new NetworkException(
                Reason.TIMED_OUT,
                "%s: the device did not take a frame within %s"
                        .formatted(adapter.name(), adapter.settings().sendTimeout()));
    }

    private NetworkException gone() {
        return new NetworkException(
                Reason.GENERATION_GONE,
                "%s: the device is %s".formatted(adapter.name(), adapter.phase()));
    }

    private TransmitQueue openedTx() {
        TransmitQueue queue = tx;
        if (queue == null || !queue.isOpen()) {
            releaseTx();
            FramePool pool = pool(SEND_FRAMES);
            try {
                queue = queues.openTx(options(SEND_FRAMES), pool);
            } catch (RuntimeException e) {
                pool.close();
                throw e;
            }
            tx = queue;
        }
        return queue;
    }

    /// Leaves the queue to a client.
    void releaseTx() {
        sending.lock();
        try {
            TransmitQueue queue = tx;
            tx = null;
            if (queue != null) {
                queue.close();
                queue.pool().close();
            }
        } finally {
            sending.unlock();
        }
    }

    // ---- Receiving

    int receive(MemorySegment target, long nanos) {
        long end = System.nanoTime() + nanos;
        receiving.lock();
        try {
            ReceiveQueue queue = openedRx();
            while (received.size() == 0 && queue.receive(received) == 0) {
                long left = end - System.nanoTime();
                if (yielding) {
                    throw new NetworkException(
                            Reason.NO_QUEUE, adapter.name() + ": a client has opened queue 0");
                }
                if (!queue.isOpen()) {
                    throw gone();
                }
                if (left <= 0) {
                    return -1;
                }
                boolean _ = queue.await(left);
            }
            return copyFirst(queue.pool(), queue.memory, target);
        } finally {
            receiving.unlock();
        }
    }

    private int copyFirst(FramePool pool, MemorySegment memory, MemorySegment target) {
        long total = 0;
        int entries = 0;
        boolean more = true;
        while (more) {
            int length = received.length(entries);
            int frame = received.frame(entries);
            if (total + length <= target.byteSize()) {
                MemorySegment.copy(memory, pool.at(frame), target, total, length);
            }
            total += length;
            pool.give(frame);
            more = (received.flags(entries) & Burst.MORE) != 0;
            entries++;
        }
        received.dropFirst(entries);
        if (total > target.byteSize()) {
            throw new NetworkException(
                    Reason.FRAME_SIZE,
                    "%s: a frame of %d bytes into %d"
                            .formatted(adapter.name(), total, target.byteSize()));
        }
        return (int) total;
    }

    private ReceiveQueue openedRx() {
        ReceiveQueue queue = rx;
        if (queue == null || !queue.isOpen()) {
            closeRx();
            FramePool pool = pool(RECEIVE_FRAMES);
            try {
                queue = queues.openRx(options(RECEIVE_FRAMES), pool);
            } catch (RuntimeException e) {
                pool.close();
                throw e;
            }
            rx = queue;
        }
        return queue;
    }

    /// Leaves the queue to a client; a call that waits ends with NO_QUEUE.
    void releaseRx() {
        yielding = true;
        ReceiveQueue queue = rx;
        if (queue != null) {
            queue.wake();
        }
        receiving.lock();
        try {
            closeRx();
            yielding = false;
        } finally {
            receiving.unlock();
        }
    }

    private void closeRx() {
        ReceiveQueue queue = rx;
        rx = null;
        received.clear();
        if (queue != null) {
            queue.close();
            queue.pool().close();
        }
    }

    /// Ends both, before a hand-over: what the next generation needs of them it opens itself.
    void release() {
        releaseTx();
        releaseRx();
    }
}
