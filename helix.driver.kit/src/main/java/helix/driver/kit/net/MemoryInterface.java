package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkDevice.LinkListener;
import helix.hal.api.DmaBuffer;
import helix.net.api.NetworkInterface;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// An interface in memory, for tests of who uses interfaces. What is sent is given to the other end
/// of the wire, on the sender's thread; what that [delivers][#deliver] is received, every other
/// frame in two pieces, as mergeable buffers come. Any thread.
public final class MemoryInterface implements NetworkInterface {
    /// Its hardware address: `52:54:00:12:34:56`.
    public static final long MAC = 0x525400123456L;

    private static final int MTU = 1500;

    private final Deque<byte[]> arriving = new ArrayDeque<>();
    private volatile Consumer<byte[]> wire = frame -> {};
    private volatile @Nullable String user;
    private volatile @Nullable MemoryPort port;
    private boolean split;

    /// Makes an interface that nothing is connected to.
    public MemoryInterface() {}

    /// Connects the other end.
    ///
    /// @param to is given each frame that is sent
    public void wire(Consumer<byte[]> to) {
        wire = to;
    }

    /// Has a frame received.
    ///
    /// @param frame from the destination address on
    public void deliver(byte[] frame) {
        synchronized (arriving) {
            arriving.add(frame);
        }
        MemoryPort open = port;
        if (open != null) {
            open.rouse();
        }
    }

    private byte @Nullable [] next() {
        synchronized (arriving) {
            return arriving.poll();
        }
    }

    private boolean isEmpty() {
        synchronized (arriving) {
            return arriving.isEmpty();
        }
    }

    @Override
    public String name() {
        return "net0";
    }

    @Override
    public long macAddress() {
        return MAC;
    }

    @Override
    public int mtu() {
        return MTU;
    }

    @Override
    public State state() {
        return State.PRESENT;
    }

    @Override
    public boolean isLinkUp() {
        return true;
    }

    @Override
    public long linkSpeed() {
        return 0;
    }

    @Override
    public Optional<Backing> backing() {
        return Optional.empty();
    }

    @Override
    public Port open(String who, PortOptions options) {
        user = who;
        MemoryPort open = new MemoryPort(options);
        port = open;
        return open;
    }

    @Override
    public Optional<String> user() {
        return Optional.ofNullable(user);
    }

    /// Not in this one.
    @Override
    public AutoCloseable monitor(Monitor monitor) {
        throw new UnsupportedOperationException();
    }

    /// Not in this one.
    @Override
    public AutoCloseable onLink(LinkListener listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Statistics statistics() {
        return new Statistics(0, 0, 0, 0, 0, 0, 0, 0);
    }

    private final class MemoryPort implements Port {
        private final Arena arena = Arena.ofShared();
        private final FramePool pool;
        private volatile boolean closed;
        private volatile boolean woken;
        private volatile @Nullable Thread sleeper;

        MemoryPort(PortOptions options) {
            MemorySegment memory = arena.allocate((long) options.frames() * options.frameSize());
            pool =
                    new FramePool(
                            new DmaBuffer(memory, 0, this, _ -> arena.close()),
                            options.frameSize());
        }

        @Override
        public FramePool pool() {
            return pool;
        }

        @Override
        public int receive(Burst burst) {
            int before = burst.size();
            while (burst.room() > 1) {
                byte[] frame = next();
                if (frame == null) {
                    break;
                }
                split = !split;
                int half = split ? frame.length / 2 : 0;
                if (half > 0) {
                    add(burst, frame, 0, half, Burst.MORE);
                }
                add(burst, frame, half, frame.length - half, 0);
            }
            return burst.size() - before;
        }

        private void add(Burst burst, byte[] frame, int from, int length, int flags) {
            int number = pool.take();
            MemorySegment.copy(
                    MemorySegment.ofArray(frame), from, pool.segment(), pool.at(number), length);
            burst.add(number, length, flags);
        }

        @Override
        public int send(Burst burst) {
            int size = burst.size();
            for (int i = 0; i < size; i++) {
                long at = pool.at(burst.frame(i));
                wire.accept(
                        pool.segment().asSlice(at, burst.length(i)).toArray(ValueLayout.JAVA_BYTE));
            }
            drop(burst);
            return size;
        }

        @Override
        public void drop(Burst burst) {
            for (int i = 0; i < burst.size(); i++) {
                pool.give(burst.frame(i));
            }
            burst.clear();
        }

        @Override
        public boolean send(MemorySegment frame) {
            wire.accept(frame.toArray(ValueLayout.JAVA_BYTE));
            return true;
        }

        @Override
        public boolean await(long nanos) {
            sleeper = Thread.currentThread();
            if (isEmpty() && !woken) {
                LockSupport.parkNanos(this, nanos);
            }
            sleeper = null;
            woken = false;
            return !isEmpty();
        }

        @Override
        public void wake() {
            woken = true;
            rouse();
        }

        private void rouse() {
            LockSupport.unpark(sleeper);
        }

        @Override
        public boolean isOpen() {
            return !closed;
        }

        @Override
        public void close() {
            closed = true;
            port = null;
            user = null;
            pool.close();
        }
    }
}
