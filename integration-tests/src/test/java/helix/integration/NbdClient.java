package helix.integration;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/// A client of the NBD protocol: fixed newstyle handshake, simple replies. One thread may send
/// while another one receives.
final class NbdClient implements AutoCloseable {
    static final int READ = 0;
    static final int WRITE = 1;
    static final int DISCONNECT = 2;
    static final int FLUSH = 3;
    static final int FUA = 1;

    private static final long NBDMAGIC = 0x4E42444D41474943L;
    private static final long IHAVEOPT = 0x49484156454F5054L;
    private static final long OPTION_REPLY = 0x0003E889045565A9L;
    private static final int REQUEST = 0x25609513;
    private static final int SIMPLE_REPLY = 0x67446698;

    private static final int FLAG_FIXED_NEWSTYLE = 1;
    private static final int FLAG_NO_ZEROES = 2;
    private static final int OPTION_GO = 7;
    private static final int REPLY_ACK = 1;
    private static final int REPLY_INFO = 3;
    private static final int INFO_EXPORT = 0;
    private static final int SEND_FLUSH = 1 << 2;
    private static final int SEND_FUA = 1 << 3;

    private final SocketChannel channel;
    private final ByteBuffer out = ByteBuffer.allocateDirect(28);
    private final ByteBuffer in = ByteBuffer.allocateDirect(16);
    private long size;
    private int flags;

    /// How a request ended.
    ///
    /// @param cookie the request's
    /// @param error 0 if it was done
    record Reply(long cookie, int error) {}

    private NbdClient(SocketChannel channel) {
        this.channel = channel;
    }

    /// Connects to the export with this name.
    static NbdClient connect(Path socket, String export) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        NbdClient client = new NbdClient(channel);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            client.negotiate(export);
            return client;
        } catch (IOException e) {
            client.close();
            throw e;
        }
    }

    /// The size of the export in bytes.
    long size() {
        return size;
    }

    boolean canFlush() {
        return (flags & SEND_FLUSH) != 0;
    }

    boolean canForce() {
        return (flags & SEND_FUA) != 0;
    }

    private void negotiate(String export) throws IOException {
        ByteBuffer hello = receive(18);
        expect(NBDMAGIC, hello.getLong());
        expect(IHAVEOPT, hello.getLong());
        int handshake = hello.getShort();
        if ((handshake & FLAG_FIXED_NEWSTYLE) == 0) {
            throw new IOException("handshake flags " + handshake);
        }
        byte[] name = export.getBytes(StandardCharsets.UTF_8);
        ByteBuffer go = ByteBuffer.allocate(4 + 16 + 4 + name.length + 2);
        go.putInt(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
        go.putLong(IHAVEOPT).putInt(OPTION_GO).putInt(4 + name.length + 2);
        go.putInt(name.length).put(name).putShort((short) 0);
        send(go.flip());
        while (true) {
            ByteBuffer reply = receive(20);
            expect(OPTION_REPLY, reply.getLong());
            expect(OPTION_GO, reply.getInt());
            int type = reply.getInt();
            ByteBuffer data = receive(reply.getInt());
            if (type == REPLY_ACK) {
                return;
            }
            if (type != REPLY_INFO) {
                throw new IOException(
                        "option reply %08x: %s"
                                .formatted(type, StandardCharsets.UTF_8.decode(data)));
            }
            if (data.getShort() == INFO_EXPORT) {
                size = data.getLong();
                flags = data.getShort();
            }
        }
    }

    /// Sends a request.
    ///
    /// @param data what a write writes, sent to its limit, or null
    void send(int type, int flags, long cookie, long offset, int length, @Nullable ByteBuffer data)
            throws IOException {
        out.clear();
        out.putInt(REQUEST).putShort((short) flags).putShort((short) type);
        out.putLong(cookie).putLong(offset).putInt(length).flip();
        send(out);
        if (data != null) {
            send(data);
        }
    }

    /// Receives a reply.
    ///
    /// @param memory gives, by the cookie, where the data of a read goes, and null for others
    Reply receive(LongFunction<@Nullable ByteBuffer> memory) throws IOException {
        in.clear();
        fill(in);
        in.flip();
        expect(SIMPLE_REPLY, in.getInt());
        int error = in.getInt();
        long cookie = in.getLong();
        ByteBuffer data = memory.apply(cookie);
        if (data != null && error == 0) {
            fill(data);
        }
        return new Reply(cookie, error);
    }

    /// Reads a piece and waits for it; nothing else may be in flight.
    ByteBuffer read(long offset, int length) throws IOException {
        ByteBuffer data = ByteBuffer.allocateDirect(length);
        send(READ, 0, 1, offset, length, null);
        Reply reply = receive(c -> data);
        if (reply.error != 0) {
            throw new IOException("read ended with error " + reply.error);
        }
        return data.flip();
    }

    private void send(ByteBuffer data) throws IOException {
        while (data.hasRemaining()) {
            channel.write(data);
        }
    }

    private ByteBuffer receive(int bytes) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(bytes);
        fill(data);
        return data.flip();
    }

    private void fill(ByteBuffer data) throws IOException {
        while (data.hasRemaining()) {
            if (channel.read(data) < 0) {
                throw new EOFException("the server hung up");
            }
        }
    }

    private static void expect(long wanted, long found) throws IOException {
        if (wanted != found) {
            throw new IOException("%x where %x was to be".formatted(found, wanted));
        }
    }

    /// Hangs up.
    @Override
    public void close() throws IOException {
        channel.close();
    }
}
