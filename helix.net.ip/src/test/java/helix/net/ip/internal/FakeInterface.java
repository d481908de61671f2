package helix.net.ip.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkDevice.LinkListener;
import helix.hal.api.DmaBuffer;
import helix.net.api.NetworkInterface;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// An interface in memory. What is sent is given to the other end, which answers on the same
/// thread; nothing ever comes later.
final class FakeInterface implements NetworkInterface {
    static final long MAC = 0x525400123456L;

    private final Deque<byte[]> arriving = new ArrayDeque<>();
    private Consumer<byte[]> wire = frame -> {};
    private @Nullable String user;

    void wire(Consumer<byte[]> to) {
        wire = to;
    }

    void deliver(byte[] frame) {
        arriving.add(frame);
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
        return 1500;
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
        return new FakePort(options);
    }

    @Override
    public Optional<String> user() {
        return Optional.ofNullable(user);
    }

    @Override
    public AutoCloseable monitor(Monitor monitor) {
        throw new UnsupportedOperationException();
    }

    @Override
    public AutoCloseable onLink(LinkListener listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Statistics statistics() {
        return new Statistics(0, 0, 0, 0, 0, 0, 0, 0);
    }

    private final class FakePort implements Port {
        private final Arena arena = Arena.ofShared();
        private final FramePool pool;
        private boolean closed;

        FakePort(PortOptions options) {
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
            int some = 0;
            while (burst.room() > 1 && !arriving.isEmpty()) {
                byte[] frame = arriving.remove();
                // In two pieces, as mergeable buffers come.
                int half = frame.length / 2;
                add(burst, frame, 0, half, Burst.MORE);
                add(burst, frame, half, frame.length - half, 0);
                some += 2;
            }
            return some;
        }

        private void add(Burst burst, byte[] frame, int from, int length, int flags) {
            int number = pool.take();
            MemorySegment.copy(
                    MemorySegment.ofArray(frame), from, pool.segment(), pool.at(number), length);
            burst.add(number, length, flags);
        }

        @Override
        public int send(Burst burst) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void drop(Burst burst) {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean send(MemorySegment frame) {
            wire.accept(frame.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
            return true;
        }

        @Override
        public boolean await(long nanos) {
            if (arriving.isEmpty()) {
                java.util.concurrent.locks.LockSupport.parkNanos(Math.min(nanos, 1_000_000));
            }
            return !arriving.isEmpty();
        }

        @Override
        public void wake() {}

        @Override
        public boolean isOpen() {
            return !closed;
        }

        @Override
        public void close() {
            closed = true;
            user = null;
            pool.close();
        }
    }
}
