package helix.block.nbd.internal;

import helix.driver.api.block.BlockDevice;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The requests of a connection and their memory. For the receiving thread, but [#giveBack].
///
/// All devices of a machine share one pool of memory, which is small; so a connection holds little
/// of it, and less when it has nothing to do.
final class RequestPool {
    /// How much memory the requests of a connection have. One request may have more, alone.
    private static final long MEMORY = 8 << 20;

    private static final long SMALLEST = 4096;
    private static final long LARGE = 1 << 20;

    /// How long a request waits for memory that others hold.
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long LONG_NAP_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final BlockDevice disk;
    private final Request[] all;

    /// The free ones, in the first [#freeCount] elements, the last used last: its memory is warm.
    private final Request[] free;

    private int freeCount;
    private final RequestRing returned;
    private volatile @Nullable Thread waiting;
    private volatile boolean stopped;
    private long held;

    RequestPool(BlockDevice disk, int depth) {
        this.disk = disk;
        all = new Request[depth];
        for (int i = 0; i < depth; i++) {
            all[i] = new Request(i);
        }
        free = all.clone();
        freeCount = depth;
        returned = new RequestRing(depth);
    }

    boolean isStopped() {
        return stopped;
    }

    Request get(int index) {
        return all[index];
    }

    int size() {
        return all.length;
    }

    /// Takes a request; waits for one.
    ///
    /// @return null if the connection stops
    @Nullable Request take() {
        collect();
        while (freeCount == 0) {
            if (stopped) {
                return null;
            }
            awaitReturn(LONG_NAP_NANOS);
            collect();
        }
        return free[--freeCount];
    }

    private void collect() {
        for (Request r = returned.take(); r != null; r = returned.take()) {
            free[freeCount++] = r;
        }
    }

    /// The serving thread is done with a request.
    void giveBack(Request request) {
        returned.put(request);
        Thread receiver = waiting;
        if (receiver != null) {
            LockSupport.unpark(receiver);
        }
    }

    private void awaitReturn(long nanos) {
        waiting = Thread.currentThread();
        try {
            if (returned.isEmpty() && !stopped) {
                LockSupport.parkNanos(this, nanos);
            }
        } finally {
            waiting = null;
        }
    }

    /// Ends all waiting here. Any thread.
    void stop() {
        stopped = true;
        Thread receiver = waiting;
        if (receiver != null) {
            LockSupport.unpark(receiver);
        }
    }

    /// Gives a request memory for its payload; waits until there is some.
    ///
    /// @return 0, or the error to end it with
    int provide(Request request, long bytes) {
        DmaBuffer known = request.memory;
        if (known != null && known.size() >= bytes) {
            return 0;
        }
        drop(request);
        long size = rounded(bytes);
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (!stopped) {
            if (held == 0 || held + size <= MEMORY) {
                int outcome = allocate(request, size);
                if (outcome == 0 || outcome == Nbd.ESHUTDOWN) {
                    return outcome;
                }
                if (System.nanoTime() - end >= 0) {
                    return outcome;
                }
            }
            collect();
            if (!trimOne()) {
                awaitReturn(held == 0 ? RETRY_NANOS : LONG_NAP_NANOS);
            }
        }
        return Nbd.ESHUTDOWN;
    }

    private int allocate(Request request, long size) {
        try {
            DmaBuffer memory = disk.allocate(size);
            request.memory = memory;
            request.payload = memory.segment().asByteBuffer();
            held += memory.size();
            return 0;
        } catch (DeviceGoneException e) {
            return Nbd.ESHUTDOWN;
        } catch (DeviceException e) {
            // All is in use, or the driver is being replaced: it may get better.
            return Nbd.ENOMEM;
        }
    }

    /// Sizes that other requests can use too.
    private static long rounded(long bytes) {
        if (bytes > LARGE) {
            return (bytes + LARGE - 1) & -LARGE;
        }
        return Math.max(SMALLEST, Long.highestOneBit(bytes * 2 - 1));
    }

    /// Frees the memory of a free request, the longest unused first.
    private boolean trimOne() {
        for (int i = 0; i < freeCount; i++) {
            if (free[i].memory != null) {
                drop(free[i]);
                return true;
            }
        }
        return false;
    }

    /// Frees the memory of all free requests.
    void trim() {
        if (held > 0) {
            collect();
            for (int i = 0; i < freeCount; i++) {
                drop(free[i]);
            }
        }
    }

    private void drop(Request request) {
        DmaBuffer memory = request.memory;
        if (memory != null) {
            request.memory = null;
            request.payload = null;
            held -= memory.size();
            memory.close();
        }
    }

    /// Frees all memory. Nobody receives or sends any more; what a device may still reach is held
    /// until it does not.
    void close() {
        for (Request request : all) {
            drop(request);
        }
    }
}
