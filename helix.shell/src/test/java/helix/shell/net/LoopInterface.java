package helix.shell.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkDevice.LinkListener;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DmaBuffer;
import helix.net.api.NetworkInterface;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/// An interface in memory. What is sent comes back, to the interface itself or to its peer.
public final class LoopInterface implements NetworkInterface {
    private static final int MOST = 100;

    private final String name;
    private final Deque<byte[]> arriving = new ArrayDeque<>();
    private LoopInterface peer = this;
    private String user;
    private long sent;
    private long received;
    private long bytes;

    /// The last frame that was sent.
    byte[] last;

    public LoopInterface(String name) {
        this.name = name;
    }

    void connect(LoopInterface to) {
        peer = to;
    }

    void deliver(byte[] frame) {
        arriving.add(frame);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long macAddress() {
        return 0x525400123456L;
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
        return 10_000;
    }

    @Override
    public Optional<Backing> backing() {
        return Optional.of(new Backing("0000:00:05.0", "virtio-net", 3));
    }

    @Override
    public Port open(String who, PortOptions options) {
        if (user != null) {
            throw new DeviceBusyException(name, user);
        }
        user = who;
        return new LoopPort(options);
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
        return new Statistics(received, bytes, 0, sent, bytes, 0, 0, 3);
    }

    private final class LoopPort implements Port {
        private final FramePool pool;

        LoopPort(PortOptions options) {
            Arena arena = Arena.ofShared();
            MemorySegment memory = arena.allocate((long) options.frames() * options.frameSize());
            DmaBuffer buffer = new DmaBuffer(memory, 0, this, b -> arena.close());
            pool = new FramePool(buffer, options.frameSize());
        }

        @Override
        public FramePool pool() {
            return pool;
        }

        @Override
        public int receive(Burst burst) {
            int some = 0;
            while (burst.room() > 0 && !arriving.isEmpty()) {
                byte[] frame = arriving.remove();
                int number = pool.take();
                MemorySegment.copy(
                        MemorySegment.ofArray(frame),
                        0,
                        pool.segment(),
                        pool.at(number),
                        frame.length);
                burst.add(number, frame.length, 0);
                some++;
            }
            received += some;
            return some;
        }

        @Override
        public int send(Burst burst) {
            int size = burst.size();
            for (int i = 0; i < size; i++) {
                took(
                        pool.segment()
                                .asSlice(pool.at(burst.frame(i)), burst.length(i))
                                .toArray(ValueLayout.JAVA_BYTE));
                pool.give(burst.frame(i));
            }
            burst.clear();
            return size;
        }

        private void took(byte[] frame) {
            last = frame;
            sent++;
            bytes += frame.length;
            if (peer.arriving.size() < MOST) {
                peer.arriving.add(frame);
            }
        }

        @Override
        public void drop(Burst burst) {
            burst.clear();
        }

        @Override
        public boolean send(MemorySegment frame) {
            took(frame.toArray(ValueLayout.JAVA_BYTE));
            return true;
        }

        @Override
        public boolean await(long nanos) {
            return false;
        }

        @Override
        public void wake() {}

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {
            user = null;
            pool.close();
        }
    }
}
