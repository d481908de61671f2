package helix.hal.vhostuser;

import helix.hal.vhostuser.VhostUser.Protocol;
import helix.hal.vhostuser.VhostUser.Request;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import helix.posix.UnixSocket.Received;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// A back-end in this JVM that keeps a log of what it is told, and can be made to misbehave.
final class FakeBackend implements AutoCloseable {
    /// What is done instead of an answer.
    enum Misdeed {
        NONE,
        HANG_UP,
        SILENCE,
        WRONG_CODE,
        NO_REPLY_FLAG,
        WRONG_VERSION,
        UNKNOWN_FLAGS,
        TOO_SHORT,
        TOO_LONG,
        HUGE,
        HALF_A_HEADER,
        WRONG_CONTENT
    }

    /// A request as it came.
    record Said(int code, int flags, ByteBuffer payload, int descriptors) {
        boolean is(Request request) {
            return code == request.code;
        }
    }

    static final long FEATURES = VhostUser.F_VERSION_1 | VhostUser.F_PROTOCOL_FEATURES | 1L << 34;

    final List<Said> said = new CopyOnWriteArrayList<>();
    volatile long features = FEATURES;
    volatile long protocol = Protocol.USED;
    volatile int queues = 1;
    volatile byte capacity = 9;
    volatile Misdeed misdeed = Misdeed.NONE;
    volatile Request victim = Request.GET_FEATURES;

    private final Path path;
    private final UnixSocket listener;
    private final Thread thread;
    private volatile boolean closed;
    private long used;

    /// What the rings are said to have begun with.
    private int base;

    /// How many requests were taken from a ring when it stops.
    volatile int taken;

    FakeBackend(Path path) {
        this.path = path;
        listener = UnixSocket.listen(path);
        thread = Thread.ofPlatform().daemon().name("fake back-end").unstarted(this::serve);
    }

    FakeBackend start() {
        thread.start();
        return this;
    }

    List<Request> requests() {
        return said.stream()
                .flatMap(s -> List.of(Request.values()).stream().filter(s::is))
                .toList();
    }

    private void serve() {
        while (!closed) {
            try (UnixSocket peer = listener.accept(50)) {
                used = 0;
                while (!closed && handle(peer)) {
                    Thread.onSpinWait();
                }
            } catch (PosixException e) {
                // Nobody came, or the front-end is gone: the next one, please.
                Thread.onSpinWait();
            }
        }
    }

    private boolean handle(UnixSocket peer) {
        List<Integer> descriptors = new ArrayList<>();
        ByteBuffer header = read(peer, VhostUser.HEADER, descriptors);
        if (closed) {
            return false;
        }
        int code = header.getInt();
        int flags = header.getInt();
        ByteBuffer payload = read(peer, header.getInt(), descriptors);
        said.add(new Said(code, flags, payload, descriptors.size()));
        descriptors.forEach(UnixSocket::closePassed);
        return answer(peer, code, flags, payload);
    }

    private ByteBuffer read(UnixSocket peer, int size, List<Integer> descriptors) {
        byte[] bytes = new byte[size];
        PollSet set = new PollSet(1);
        set.add(peer.fd());
        int got = 0;
        while (got < size && !closed) {
            if (set.await(20) > 0) {
                Received part = peer.receiveWithDescriptors(bytes, got, size - got, 8);
                got += part.length();
                descriptors.addAll(part.descriptors());
            }
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private boolean answer(UnixSocket peer, int code, int flags, ByteBuffer payload) {
        byte[] reply = reply(code, payload);
        if (reply.length == 0 && (flags & VhostUser.FLAG_NEED_REPLY) != 0) {
            reply = u64(0);
        }
        if (code == victim.code) {
            switch (misdeed) {
                case NONE -> {}
                case HANG_UP -> {
                    return false;
                }
                case SILENCE -> {
                    return true;
                }
                default -> {
                    misbehave(peer, code, reply);
                    return true;
                }
            }
        }
        if (reply.length > 0) {
            send(peer, code, VhostUser.VERSION | VhostUser.FLAG_REPLY, reply.length, reply);
        }
        return true;
    }

    private void misbehave(UnixSocket peer, int code, byte[] reply) {
        int good = VhostUser.VERSION | VhostUser.FLAG_REPLY;
        switch (misdeed) {
            case WRONG_CODE -> send(peer, code + 1, good, reply.length, reply);
            case NO_REPLY_FLAG -> send(peer, code, VhostUser.VERSION, reply.length, reply);
            case WRONG_VERSION -> send(peer, code, good + 1, reply.length, reply);
            case UNKNOWN_FLAGS -> send(peer, code, good | 1 << 30, reply.length, reply);
            case TOO_SHORT -> send(peer, code, good, reply.length - 1, new byte[reply.length - 1]);
            case TOO_LONG -> send(peer, code, good, reply.length + 1, new byte[reply.length + 1]);
            case HUGE -> send(peer, code, good, -1, reply);
            case HALF_A_HEADER -> peer.sendWithDescriptors(new byte[VhostUser.HEADER / 2]);
            default -> {
                byte[] wrong = new byte[reply.length];
                java.util.Arrays.fill(wrong, (byte) 0xEE);
                send(peer, code, good, wrong.length, wrong);
            }
        }
    }

    private byte[] reply(int code, ByteBuffer payload) {
        if (code == Request.SET_PROTOCOL_FEATURES.code) {
            used = payload.getLong(0);
        }
        if (code == Request.SET_VRING_BASE.code) {
            base = payload.getInt(4);
        }
        if (code == Request.GET_FEATURES.code) {
            return u64(features);
        }
        if (code == Request.GET_PROTOCOL_FEATURES.code) {
            return u64(protocol);
        }
        if (code == Request.GET_QUEUE_NUM.code) {
            return u64(queues);
        }
        if (code == Request.GET_VRING_BASE.code) {
            return ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(payload.getInt(0))
                    .putInt(base + taken)
                    .array();
        }
        if (code == Request.GET_CONFIG.code) {
            payload.array()[12] = capacity;
            return payload.array();
        }
        return new byte[0];
    }

    long usedProtocolFeatures() {
        return used;
    }

    private static byte[] u64(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    private static void send(UnixSocket peer, int code, int flags, int size, byte[] payload) {
        peer.sendWithDescriptors(
                ByteBuffer.allocate(VhostUser.HEADER + payload.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(code)
                        .putInt(flags)
                        .putInt(size)
                        .put(payload)
                        .array());
    }

    @Override
    public void close() throws IOException {
        closed = true;
        while (thread.isAlive()) {
            Thread.onSpinWait();
        }
        listener.close();
        Files.deleteIfExists(path);
    }
}
