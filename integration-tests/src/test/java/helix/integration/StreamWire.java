package helix.integration;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The other end of a card's wire that is a stream socket: frames, each after its length in four
/// bytes. Wires are opened where the platform is configured and used within it; both are in one
/// process, and often not in one class loader, which is why system properties carry them.
final class StreamWire {
    private static final String REGISTRY = "helix.it.wires";
    private static final long ON_ITS_WAY_NANOS = 20_000_000;

    private final BlockingQueue<byte[]> received;
    private final SocketChannel channel;

    private StreamWire(SocketChannel channel, BlockingQueue<byte[]> received) {
        this.channel = channel;
        this.received = received;
    }

    /// What the test's class loaders share.
    @SuppressWarnings("unchecked")
    private static Map<String, Object> registry() {
        return (Map<String, Object>)
                System.getProperties().computeIfAbsent(REGISTRY, _ -> new ConcurrentHashMap<>());
    }

    /// Begins to listen, for one card.
    static void open(Path path) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        ServerSocketChannel _ = server.bind(UnixDomainSocketAddress.of(path));
        BlockingQueue<byte[]> frames = new LinkedBlockingQueue<>();
        registry().put(path + " frames", frames);
        Thread _ =
                Thread.ofPlatform()
                        .daemon()
                        .name("wire " + path.getFileName())
                        .start(() -> serve(server, path, frames));
    }

    private static void serve(ServerSocketChannel server, Path path, BlockingQueue<byte[]> frames) {
        try (server;
                SocketChannel card = server.accept()) {
            registry().put(path + " channel", card);
            DataInputStream in = new DataInputStream(Channels.newInputStream(card));
            while (true) {
                byte[] frame = new byte[in.readInt()];
                in.readFully(frame);
                frames.add(frame);
            }
        } catch (IOException e) {
            // The machine has closed its end: the test is over.
        }
    }

    /// An opened wire with its card at the other end.
    @SuppressWarnings("unchecked")
    static StreamWire of(Path path) {
        return new StreamWire(
                (SocketChannel) registry().get(path + " channel"),
                (BlockingQueue<byte[]>) registry().get(path + " frames"));
    }

    void deliver(byte[] frame) {
        ByteBuffer out = ByteBuffer.allocate(4 + frame.length).putInt(frame.length).put(frame);
        try {
            ByteBuffer _ = out.flip();
            while (out.hasRemaining()) {
                int _ = channel.write(out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Takes the oldest frame. What the card has sent is on its way for a moment, also where the
    /// caller would not wait.
    byte @Nullable [] take(long nanos) {
        try {
            return received.poll(Math.max(nanos, ON_ITS_WAY_NANOS), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
