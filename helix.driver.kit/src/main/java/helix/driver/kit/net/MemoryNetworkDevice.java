package helix.driver.kit.net;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.NetworkLimits;
import helix.driver.api.net.NetworkStatistics;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// A network device in memory, for tests: what is sent is at hand as [NetPeer], and so is what it
/// is to receive. Strict about the contract. Any thread may use it, a queue one thread at a time.
public class MemoryNetworkDevice implements NetworkDevice, NetPeer {
    private static final AtomicLong NEXT_ADDRESS = new AtomicLong(0x2_0000_0000L);
    private static final Object POOL = new Object();
    private static final NetworkLimits LIMITS = new NetworkLimits(1, 1, 64, 1514, 8, 0);
    private static final long MAC = 0x52_54_00_12_34_56L;
    private static final int PAGE = 4096;
    private static final long LOOK_NANOS = 100_000;

    private final List<LinkListener> listeners = new CopyOnWriteArrayList<>();
    private final Deque<byte[]> wire = new ArrayDeque<>();
    private final Deque<byte[]> waiting = new ArrayDeque<>();
    private final long[] counters = new long[7];
    private @Nullable MemoryRx rx;
    private @Nullable MemoryTx tx;
    private boolean plain;
    private long mac = MAC;
    private volatile boolean linkUp = true;

    /// Makes a device whose link is up.
    public MemoryNetworkDevice() {
        // Nothing is open.
    }

    /// Whether it does something wrong.
    boolean does(NetFault fault) {
        return false;
    }

    // ---- The wire

    @Override
    public synchronized void deliver(byte[] frame) {
        MemoryRx queue = rx;
        if (queue != null) {
            queue.arrive(frame);
        } else if (plain) {
            waiting.add(frame.clone());
        }
    }

    @Override
    public byte @Nullable [] take(long nanos) {
        long end = System.nanoTime() + nanos;
        while (true) {
            synchronized (this) {
                byte[] frame = wire.poll();
                if (frame != null || System.nanoTime() - end >= 0) {
                    return frame;
                }
            }
            Thread.onSpinWait();
        }
    }

    synchronized void transmit(byte[] frame) {
        if (does(NetFault.LOST_SENT)) {
            return;
        }
        if (does(NetFault.CORRUPTED) && frame.length > 20) {
            frame[20] ^= 1;
        }
        if (does(NetFault.SWAPPED) && !wire.isEmpty()) {
            wire.addFirst(frame);
        } else {
            wire.add(frame);
        }
        if (does(NetFault.DOUBLED)) {
            wire.add(frame);
        }
    }

    synchronized void count(int which, long more) {
        if (!does(NetFault.MISCOUNTED)) {
            counters[which] += more;
        }
    }

    @Override
    public boolean hasLink() {
        return true;
    }

    @Override
    public void link(boolean up) {
        linkUp = up;
        if (!does(NetFault.LINK_UNTOLD)) {
            listeners.forEach(listener -> listener.linkChanged(up));
        }
    }

    // ---- NetworkDevice

    @Override
    public synchronized void send(MemorySegment frame) {
        if (!linkUp) {
            throw new NetworkException(Reason.NO_LINK, "the link is down");
        }
        if (frame.byteSize() < Frames.LEAST || frame.byteSize() > LIMITS.maxFrame()) {
            throw new NetworkException(
                    Reason.FRAME_SIZE, "a frame of " + frame.byteSize() + " bytes");
        }
        if (tx != null) {
            throw new NetworkException(Reason.NO_QUEUE, "a client has the queue");
        }
        transmit(frame.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }

    @Override
    public int recv(MemorySegment target, long nanos) {
        long end = System.nanoTime() + nanos;
        while (true) {
            synchronized (this) {
                if (rx != null) {
                    throw new NetworkException(Reason.NO_QUEUE, "a client has the queue");
                }
                plain = true;
                byte[] frame = waiting.poll();
                if (frame != null) {
                    if (frame.length > target.byteSize()) {
                        throw new NetworkException(
                                Reason.FRAME_SIZE, "a frame of " + frame.length + " bytes");
                    }
                    MemorySegment.copy(MemorySegment.ofArray(frame), 0, target, 0, frame.length);
                    return frame.length;
                }
                if (System.nanoTime() - end >= 0) {
                    return -1;
                }
            }
            Thread.onSpinWait();
        }
    }

    @Override
    public long macAddress() {
        return mac;
    }

    @Override
    public void macAddress(long address) {
        mac = address;
    }

    @Override
    public long linkSpeed() {
        return 10_000;
    }

    @Override
    public boolean isLinkUp() {
        return linkUp;
    }

    @Override
    public int mtu() {
        return LIMITS.maxFrame() - Frames.LEAST;
    }

    @Override
    public NetworkLimits limits() {
        return LIMITS;
    }

    @Override
    public synchronized NetworkStatistics statistics() {
        long[] c = counters;
        return new NetworkStatistics(c[0], c[1], c[2], c[3], c[4], c[5], c[6], 0, 0);
    }

    @Override
    public AutoCloseable onLink(LinkListener listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }

    @Override
    public synchronized RxQueue openRx(NetQueueOptions options, FramePool pool) {
        requireFree(options, rx != null);
        plain = false;
        waiting.clear();
        MemoryRx queue = new MemoryRx(this, Math.min(options.depth(), LIMITS.maxDepth()), pool);
        rx = queue;
        return queue;
    }

    @Override
    public synchronized TxQueue openTx(NetQueueOptions options, FramePool pool) {
        requireFree(options, tx != null);
        MemoryTx queue = new MemoryTx(this, Math.min(options.depth(), LIMITS.maxDepth()), pool);
        tx = queue;
        return queue;
    }

    private void requireFree(NetQueueOptions options, boolean open) {
        if (options.index() != 0) {
            throw new NetworkException(Reason.NO_QUEUE, "no queue " + options.index() + " of 1");
        }
        if (open && !does(NetFault.OPENED_TWICE)) {
            throw new NetworkException(Reason.NO_QUEUE, "queue 0 is open already");
        }
    }

    synchronized void closed(Object queue) {
        if (rx == queue) {
            rx = null;
        }
        if (tx == queue) {
            tx = null;
        }
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        long size = (bytes + PAGE - 1) / PAGE * PAGE;
        return new DmaBuffer(
                Arena.ofAuto().allocate(bytes, PAGE), NEXT_ADDRESS.getAndAdd(size), POOL, b -> {});
    }

    static void pause() {
        java.util.concurrent.locks.LockSupport.parkNanos(LOOK_NANOS);
    }
}
