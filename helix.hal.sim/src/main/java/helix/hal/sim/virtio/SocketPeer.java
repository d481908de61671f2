package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A wire to another process: frames over a stream socket, each with its length before it in four
/// bytes, the highest first, as QEMU's `-netdev stream` has it. Frames that do not fit the queue
/// are lost, as on any wire.
final class SocketPeer implements NetPeer, Offload.Sink {
    private static final Logger LOG = LoggerFactory.getLogger(SocketPeer.class);
    private static final int OUTBOX_BYTES = 1 << 20;
    private static final int MOST_FRAME = 65_550;
    private static final long JOIN_MILLIS = 2_000;

    private final Path path;
    private final SocketChannel channel;
    private final FrameQueue outbox = new FrameQueue(OUTBOX_BYTES);
    private final Offload offload = new Offload();
    private final ByteBuffer length = ByteBuffer.allocateDirect(4);
    private final ByteBuffer frame = ByteBuffer.allocateDirect(MOST_FRAME + 64);
    private final ByteBuffer out = ByteBuffer.allocateDirect(4 + MOST_FRAME + 64);
    private final Thread reader = Thread.ofPlatform().daemon().unstarted(this::read);
    private final Thread writer = Thread.ofPlatform().daemon().unstarted(this::write);
    private @Nullable NetPort card;
    private volatile boolean closed;

    /// Connects.
    ///
    /// @throws DeviceException if nobody listens
    SocketPeer(Path path) {
        this.path = path;
        try {
            channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                boolean _ = channel.connect(UnixDomainSocketAddress.of(path));
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw new DeviceException("peer socket=" + path + ": " + e.getMessage(), e);
        }
        reader.setName("helix-sim-net-reader");
        writer.setName("helix-sim-net-writer");
    }

    @Override
    public void attach(NetPort port) {
        card = port;
        reader.start();
        writer.start();
    }

    @Override
    public void send(MemorySegment memory, Chain chain) {
        int bytes = (int) chain.readableBytes();
        int at = outbox.claim(bytes);
        if (at >= 0) {
            long _ = chain.copyOut(memory, 0, outbox.bytes(), at, bytes);
            NetHeader.clean(outbox.bytes(), at);
            outbox.commit(at, bytes);
            LockSupport.unpark(writer);
        }
    }

    private void write() {
        try {
            while (!closed) {
                int at = outbox.peek();
                if (at < 0) {
                    LockSupport.park(this);
                    continue;
                }
                int bytes = outbox.length(at) - NetHeader.BYTES;
                // The wire carries nothing but finished frames.
                boolean _ = offload.pass(outbox.bytes(), at, bytes, false, false, false, this);
                outbox.remove(at);
            }
        } catch (SocketClosed e) {
            broken(e);
        }
    }

    /// Ends a writing thread.
    private static final class SocketClosed extends RuntimeException {
        private static final long serialVersionUID = 1;

        SocketClosed(IOException cause) {
            super(cause);
        }
    }

    @Override
    public boolean accept(MemorySegment from, long header, int bytes) {
        MemorySegment to = MemorySegment.ofBuffer(out.clear().limit(4 + bytes).putInt(0, bytes));
        MemorySegment.copy(from, header + NetHeader.BYTES, to, 4, bytes);
        try {
            while (out.hasRemaining()) {
                int _ = channel.write(out);
            }
        } catch (IOException e) {
            throw new SocketClosed(e);
        }
        return true;
    }

    private void read() {
        try {
            while (!closed && fill(length.clear())) {
                int bytes = length.getInt(0);
                if (bytes < 0 || bytes > frame.capacity()) {
                    throw new IOException("frame of " + bytes + " bytes");
                }
                if (!fill(frame.clear().limit(bytes))) {
                    break;
                }
                received(bytes);
            }
            broken(new IOException("the peer has closed it"));
        } catch (IOException e) {
            broken(e);
        }
    }

    private boolean fill(ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                return false;
            }
        }
        return true;
    }

    private void received(int bytes) {
        NetPort port = card;
        if (port == null || bytes == 0) {
            return;
        }
        FrameQueue inbox = port.inbox();
        int at = inbox.claim(NetHeader.BYTES + bytes);
        if (at >= 0) {
            inbox.bytes().asSlice(at, NetHeader.BYTES).fill((byte) 0);
            MemorySegment.copy(
                    MemorySegment.ofBuffer(frame.position(0)),
                    0,
                    inbox.bytes(),
                    (long) at + NetHeader.BYTES,
                    bytes);
            inbox.commit(at, NetHeader.BYTES + bytes);
            port.arrived();
        }
    }

    private void broken(Exception why) {
        NetPort port = card;
        if (!closed && port != null) {
            LOG.warn("peer socket={}: {}", path, why.getMessage());
            port.carrier(false);
        }
    }

    @Override
    public void close() {
        closed = true;
        try {
            channel.close();
        } catch (IOException e) {
            LOG.warn("peer socket={}: {}", path, e.getMessage());
        }
        LockSupport.unpark(writer);
        try {
            if (reader.isAlive()) {
                reader.join(JOIN_MILLIS);
            }
            if (writer.isAlive()) {
                writer.join(JOIN_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
