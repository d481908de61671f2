package helix.net.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueue;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkLimits;
import helix.driver.api.net.NetworkStatistics;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A network card in memory, with rings that outlive its driver's generations. What it sends goes
/// to its peer at once.
final class FakeNic {
    static final int DEPTH = 256;

    final long mac;
    Object pool = new Object();
    volatile @Nullable FakeNic peer;
    volatile boolean linkUp = true;

    /// Frames stay in flight.
    volatile boolean holdTx;

    int rxDepth;
    int txDepth;
    int buffers;

    private final Deque<Integer> posted = new ArrayDeque<>();
    private final Deque<int[]> arrived = new ArrayDeque<>();
    private final Deque<Integer> sending = new ArrayDeque<>();
    private @Nullable FramePool rxPool;

    /// Whose queue receives: a driver counts from its own beginning.
    private @Nullable Generation receiver;

    private @Nullable FramePool txPool;
    private volatile @Nullable Thread sleeper;

    FakeNic(long mac) {
        this.mac = mac;
    }

    static void connect(FakeNic a, FakeNic b) {
        a.peer = b;
        b.peer = a;
    }

    /// A frame comes in.
    synchronized void deliver(byte[] frame) {
        Integer number = rxPool == null ? null : posted.poll();
        if (number == null || rxPool == null) {
            if (receiver != null) {
                receiver.noBuffer = receiver.noBuffer + 1;
            }
            return;
        }
        MemorySegment.copy(
                MemorySegment.ofArray(frame), 0, rxPool.segment(), rxPool.at(number), frame.length);
        arrived.add(new int[] {number, frame.length});
        LockSupport.unpark(sleeper);
    }

    synchronized int inFlight() {
        return sending.size();
    }

    Generation generation() {
        return new Generation();
    }

    /// One generation of its driver.
    final class Generation implements NetworkDevice {
        private final List<LinkListener> listeners = new ArrayList<>();
        private volatile long noBuffer;

        /// The driver is dead: all its queues throw.
        volatile boolean crashed;

        /// Its queues are the next generation's.
        volatile boolean passed;

        /// The generation before has passed its queues on.
        boolean adopts;

        @Nullable RuntimeException refuses;
        int mtu = 1500;

        /// Who is inside is kept there.
        volatile boolean hangs;

        volatile boolean hanging;

        @Override
        public void send(MemorySegment frame) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int recv(MemorySegment target, long nanos) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long macAddress() {
            return mac;
        }

        @Override
        public long linkSpeed() {
            return 10_000;
        }

        @Override
        public boolean isLinkUp() {
            return linkUp && !crashed;
        }

        @Override
        public int mtu() {
            return mtu;
        }

        @Override
        public NetworkLimits limits() {
            return new NetworkLimits(1, 1, DEPTH, 1514, 16, 0);
        }

        @Override
        public NetworkStatistics statistics() {
            return new NetworkStatistics(0, 0, 0, noBuffer, 0, 0, 0, 0, 0);
        }

        void link(boolean up) {
            linkUp = up;
            List.copyOf(listeners).forEach(each -> each.linkChanged(up));
        }

        @Override
        public AutoCloseable onLink(LinkListener listener) {
            listeners.add(listener);
            return () -> listeners.remove(listener);
        }

        @Override
        public RxQueue openRx(NetQueueOptions options, FramePool frames) {
            if (refuses != null) {
                throw refuses;
            }
            synchronized (FakeNic.this) {
                if (rxPool != null) {
                    throw new NetworkException(NetworkException.Reason.NO_QUEUE, "rx is open");
                }
                rxPool = frames;
                rxDepth = options.depth();
                frames.memory().hold();
                return new Rx(options.depth(), frames);
            }
        }

        @Override
        public TxQueue openTx(NetQueueOptions options, FramePool frames) {
            synchronized (FakeNic.this) {
                if (txPool != null) {
                    throw new NetworkException(NetworkException.Reason.NO_QUEUE, "tx is open");
                }
                txPool = frames;
                txDepth = options.depth();
                frames.memory().hold();
                return new Tx(options.depth(), frames);
            }
        }

        @Override
        public @Nullable RxQueue adoptRx(long handle, FramePool frames) {
            return adopts && handle == 7 ? new Rx(rxDepth, frames) : null;
        }

        @Override
        public @Nullable TxQueue adoptTx(long handle, FramePool frames) {
            return adopts && handle == 8 ? new Tx(txDepth, frames) : null;
        }

        @Override
        public DmaBuffer allocate(long bytes) {
            Arena arena = Arena.ofShared();
            buffers++;
            return new DmaBuffer(
                    arena.allocate(bytes, 64),
                    0x1000,
                    pool,
                    _ -> {
                        buffers--;
                        arena.close();
                    });
        }

        private abstract class Queue implements NetQueue {
            final int depth;
            final FramePool frames;
            boolean closed;

            Queue(int depth, FramePool frames) {
                this.depth = depth;
                this.frames = frames;
            }

            void check() {
                while (hangs) {
                    hanging = true;
                    Thread.onSpinWait();
                }
                if (crashed) {
                    throw new NetworkException(
                            NetworkException.Reason.GENERATION_GONE, "the driver is gone");
                }
            }

            @Override
            public int depth() {
                return depth;
            }

            @Override
            public FramePool pool() {
                return frames;
            }

            @Override
            public boolean await(long nanos) {
                check();
                long end = System.nanoTime() + nanos;
                sleeper = Thread.currentThread();
                try {
                    while (isEmpty()) {
                        long left = end - System.nanoTime();
                        if (left <= 0) {
                            return false;
                        }
                        LockSupport.parkNanos(left);
                        if (!isEmpty()) {
                            return true;
                        }
                        if (woken) {
                            woken = false;
                            return true;
                        }
                    }
                    return true;
                } finally {
                    sleeper = null;
                }
            }

            volatile boolean woken;

            private boolean isEmpty() {
                synchronized (FakeNic.this) {
                    return arrived.isEmpty();
                }
            }

            @Override
            public void wake() {
                woken = true;
                LockSupport.unpark(sleeper);
            }

            @Override
            public boolean isOpen() {
                return !closed && !crashed;
            }
        }

        private final class Rx extends Queue implements RxQueue {
            Rx(int depth, FramePool frames) {
                super(depth, frames);
                synchronized (FakeNic.this) {
                    receiver = Generation.this;
                }
                fill();
            }

            private void fill() {
                synchronized (FakeNic.this) {
                    while (posted.size() + arrived.size() < depth) {
                        int number = frames.take();
                        if (number < 0) {
                            return;
                        }
                        posted.add(number);
                    }
                }
            }

            @Override
            public int receive(Burst burst) {
                check();
                int some = 0;
                synchronized (FakeNic.this) {
                    while (burst.room() > 0 && !arrived.isEmpty()) {
                        int[] one = arrived.remove();
                        burst.add(one[0], one[1], 0);
                        some++;
                    }
                }
                fill();
                return some;
            }

            @Override
            public long handle() {
                return 7;
            }

            @Override
            public void close() {
                if (closed || passed) {
                    return;
                }
                closed = true;
                synchronized (FakeNic.this) {
                    posted.forEach(frames::give);
                    arrived.forEach(one -> frames.give(one[0]));
                    posted.clear();
                    arrived.clear();
                    rxPool = null;
                    frames.memory().drop();
                }
            }
        }

        private final class Tx extends Queue implements TxQueue {
            Tx(int depth, FramePool frames) {
                super(depth, frames);
            }

            @Override
            public int send(Burst burst) {
                check();
                int taken = 0;
                while (taken < burst.size() && inFlight() < depth) {
                    int length = burst.length(taken);
                    if (length > 1514) {
                        burst.dropFirst(taken);
                        throw new IllegalArgumentException(length + " bytes");
                    }
                    byte[] bytes = new byte[length];
                    MemorySegment.copy(
                            frames.segment(),
                            frames.at(burst.frame(taken)),
                            MemorySegment.ofArray(bytes),
                            0,
                            length);
                    FakeNic to = peer;
                    synchronized (FakeNic.this) {
                        sending.add(burst.frame(taken));
                    }
                    if (to != null) {
                        to.deliver(bytes);
                    }
                    taken++;
                }
                burst.dropFirst(taken);
                int _ = reclaim();
                return taken;
            }

            @Override
            public int reclaim() {
                check();
                if (holdTx) {
                    return 0;
                }
                synchronized (FakeNic.this) {
                    int some = sending.size();
                    sending.forEach(frames::give);
                    sending.clear();
                    return some;
                }
            }

            @Override
            public int inFlight() {
                return FakeNic.this.inFlight();
            }

            @Override
            public long handle() {
                return 8;
            }

            @Override
            public void close() {
                if (closed || passed) {
                    return;
                }
                closed = true;
                synchronized (FakeNic.this) {
                    sending.forEach(frames::give);
                    sending.clear();
                    txPool = null;
                    frames.memory().drop();
                }
            }
        }
    }
}
