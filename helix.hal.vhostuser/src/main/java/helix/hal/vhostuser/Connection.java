package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.vhostuser.VhostUser.Protocol;
import helix.hal.vhostuser.VhostUser.Request;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;

/// Messages over one connection to a back-end. Whatever the back-end answers is checked: request
/// code, flags, size. For one thread at a time.
///
/// Every error is a [PeerException]; afterwards nothing is known about what the stream holds, and
/// the connection has to be closed.
final class Connection implements AutoCloseable {
    private final UnixSocket socket;
    private final Duration limit;
    private final PollSet readable = new PollSet(1);
    private final MemorySegment bytes =
            Arena.ofAuto().allocate(VhostUser.HEADER + 12 + VhostUser.MAX_CONFIG, 8);
    private long protocolFeatures;

    private Connection(UnixSocket socket, Duration limit) {
        this.socket = socket;
        this.limit = limit;
        readable.add(socket.fd());
    }

    /// Connects, without waiting.
    ///
    /// @param path the back-end's socket
    /// @param limit how long a reply may take
    /// @throws PosixException if nobody listens there, or does not accept anybody
    static Connection open(Path path, Duration limit) {
        return new Connection(UnixSocket.connectNow(path), limit);
    }

    /// For a poll set: becomes readable when the back-end hangs up. It never speaks unasked.
    int fd() {
        return socket.fd();
    }

    /// The process that listened.
    int process() {
        return socket.peerProcess();
    }

    /// From now on those which [Protocol#REPLY_ACK] is about are acknowledged, and so on.
    void use(long features) {
        protocolFeatures = features;
    }

    /// The protocol features in use.
    boolean has(long protocolFeature) {
        return (protocolFeatures & protocolFeature) != 0;
    }

    /// Asks for a number.
    long get(Request request) {
        send(request, 0, buffer(0));
        return receive(request, Long.BYTES).getLong();
    }

    /// Asks for a queue's number.
    int getVring(Request request, int index) {
        send(request, 0, buffer(8).putInt(index).putInt(0));
        ByteBuffer reply = receive(request, 8);
        int answered = reply.getInt();
        if (answered != index) {
            throw new PeerException(
                    "%s of queue %d was answered for queue %d".formatted(request, index, answered));
        }
        return reply.getInt();
    }

    /// Reads the first bytes of the config space.
    byte[] config(int size) {
        ByteBuffer payload = buffer(12 + size).putInt(0).putInt(size).putInt(0);
        send(Request.GET_CONFIG, 0, payload.position(payload.capacity()));
        ByteBuffer reply = receive(Request.GET_CONFIG, 12 + size);
        int offset = reply.getInt();
        int length = reply.getInt();
        if (offset != 0 || length != size) {
            throw new PeerException(
                    "GET_CONFIG of %d bytes at 0 was answered with %d at %d"
                            .formatted(size, length, offset));
        }
        byte[] config = new byte[size];
        reply.position(12).get(config);
        return config;
    }

    /// Writes a writable field of the config space.
    void config(int offset, byte[] value) {
        ByteBuffer payload =
                buffer(12 + value.length).putInt(offset).putInt(value.length).putInt(0);
        order(Request.SET_CONFIG, payload.put(value));
    }

    /// A request without payload.
    void order(Request request) {
        order(request, buffer(0));
    }

    /// Sets a number.
    void set(Request request, long value, int... fds) {
        order(request, buffer(8).putLong(value), fds);
    }

    /// Sets a number of a queue.
    void setVring(Request request, int index, int value) {
        order(request, buffer(8).putInt(index).putInt(value));
    }

    /// Sends a request that is answered at most with an acknowledgement.
    void order(Request request, ByteBuffer payload, int... fds) {
        boolean acknowledged = has(Protocol.REPLY_ACK);
        send(request, acknowledged ? VhostUser.FLAG_NEED_REPLY : 0, payload, fds);
        if (acknowledged) {
            long result = receive(request, Long.BYTES).getLong();
            if (result != 0) {
                throw new PeerException("%s was refused: %d".formatted(request, result));
            }
        }
    }

    /// An empty payload.
    static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void send(Request request, int flags, ByteBuffer payload, int... fds) {
        ByteBuffer body = payload.duplicate().flip();
        int size = body.remaining();
        byte[] message = new byte[VhostUser.HEADER + size];
        ByteBuffer.wrap(message)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(request.code)
                .putInt(VhostUser.VERSION | flags)
                .putInt(size)
                .put(body);
        try {
            socket.sendWithDescriptors(message, fds);
        } catch (PosixException e) {
            throw new PeerException("%s: %s".formatted(request, e.getMessage()), e);
        }
    }

    private ByteBuffer receive(Request request, int size) {
        Deadline deadline = Deadline.after(limit);
        ByteBuffer header = receive(request, 0, VhostUser.HEADER, deadline);
        int code = header.getInt();
        int flags = header.getInt();
        int length = header.getInt();
        int known = VhostUser.VERSION_MASK | VhostUser.FLAG_REPLY | VhostUser.FLAG_NEED_REPLY;
        if (code != request.code
                || (flags & VhostUser.VERSION_MASK) != VhostUser.VERSION
                || (flags & VhostUser.FLAG_REPLY) == 0
                || (flags & ~known) != 0
                || length != size) {
            throw new PeerException(
                    "%s was answered with request=%d flags=0x%x size=%s, not with %d bytes"
                            .formatted(
                                    request, code, flags, Integer.toUnsignedString(length), size));
        }
        return receive(request, VhostUser.HEADER, size, deadline);
    }

    private ByteBuffer receive(Request request, int offset, int size, Deadline deadline) {
        try {
            int got = 0;
            while (got < size) {
                int n = (int) socket.receive(bytes, offset + got, size - got);
                if (n == 0) {
                    if (deadline.isExpired()) {
                        throw new PeerException(
                                "%s was not answered within %d ms"
                                        .formatted(request, limit.toMillis()));
                    }
                    int _ = readable.await(deadline.remainingMillis());
                }
                got += n;
            }
        } catch (PosixException e) {
            throw new PeerException("%s: %s".formatted(request, e.getMessage()), e);
        }
        return ByteBuffer.wrap(bytes.asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() {
        socket.close();
    }
}
