package helix.net.tap.internal;

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
import org.jspecify.annotations.Nullable;

/// An interface in memory with a host behind it that has any address and answers pings.
final class HostInterface implements NetworkInterface {
    static final long MAC = 0x525400123456L;

    private static final byte[] HOST = {0x52, 0x55, 0, 0, 2, 2};

    private final Deque<byte[]> arriving = new ArrayDeque<>();
    private @Nullable String user;

    private static final int MAC_BYTES = 6;

    /// A frame that was sent. Answers who asks for a hardware address, and who pings.
    private synchronized void arrived(byte[] frame) {
        byte[] answer = frame.clone();
        boolean arp = frame[12] == 8 && frame[13] == 6 && frame[21] == 1;
        boolean ping = frame[12] == 8 && frame[13] == 0 && frame[23] == 1 && frame[34] == 8;
        if (!arp && !ping) {
            return;
        }
        System.arraycopy(frame, MAC_BYTES, answer, 0, MAC_BYTES);
        System.arraycopy(HOST, 0, answer, MAC_BYTES, MAC_BYTES);
        if (arp) {
            answer[21] = 2;
            System.arraycopy(frame, 22, answer, 32, 10);
            System.arraycopy(HOST, 0, answer, 22, MAC_BYTES);
            System.arraycopy(frame, 38, answer, 28, 4);
        } else {
            System.arraycopy(frame, 26, answer, 30, 4);
            System.arraycopy(frame, 30, answer, 26, 4);
            // An echo's reply differs by its type, and so does the sum.
            answer[34] = 0;
            int sum = ((frame[36] & 0xFF) << 8 | (frame[37] & 0xFF)) + 0x0800;
            sum = (sum & 0xFFFF) + (sum >>> 16);
            answer[36] = (byte) (sum >>> 8);
            answer[37] = (byte) sum;
        }
        arriving.add(answer);
    }

    private synchronized boolean isEmpty() {
        return arriving.isEmpty();
    }

    private synchronized byte @Nullable [] next() {
        return arriving.poll();
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
        private volatile boolean woken;
        private volatile @Nullable Thread sleeper;

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
            while (burst.room() > 1) {
                byte[] frame = next();
                if (frame == null) {
                    break;
                }
                // Some in two pieces, as mergeable buffers come.
                int half = frame.length % 3 == 0 ? frame.length / 2 : 0;
                if (half > 0) {
                    add(burst, frame, 0, half, Burst.MORE);
                    some++;
                }
                add(burst, frame, half, frame.length - half, 0);
                some++;
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
            int size = burst.size();
            for (int i = 0; i < size; i++) {
                arrived(
                        pool.segment()
                                .asSlice(pool.at(burst.frame(i)), burst.length(i))
                                .toArray(ValueLayout.JAVA_BYTE));
                pool.give(burst.frame(i));
            }
            burst.clear();
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
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean await(long nanos) {
            sleeper = Thread.currentThread();
            if (isEmpty() && !woken) {
                LockSupport.parkNanos(nanos);
            }
            woken = false;
            return !isEmpty();
        }

        @Override
        public void wake() {
            woken = true;
            LockSupport.unpark(sleeper);
        }

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
