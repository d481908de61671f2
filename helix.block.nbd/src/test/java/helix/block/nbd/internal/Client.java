package helix.block.nbd.internal;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A client that says what tests want it to say, written from the protocol's document and not from
/// the server.
final class Client implements AutoCloseable {
    static final int READ = 0;
    static final int WRITE = 1;
    static final int DISC = 2;
    static final int FLUSH = 3;
    static final int TRIM = 4;
    static final int WRITE_ZEROES = 6;
    static final int BLOCK_STATUS = 7;
    static final int FUA = 1;

    static final int EXPORT_NAME = 1;
    static final int ABORT = 2;
    static final int LIST = 3;
    static final int STARTTLS = 5;
    static final int INFO = 6;
    static final int GO = 7;
    static final int STRUCTURED = 8;
    static final int LIST_META = 9;
    static final int SET_META = 10;

    static final int ACK = 1;

    /// A reply to an option.
    record OptionReply(int option, int type, ByteBuffer data) {
        String text() {
            return StandardCharsets.UTF_8.decode(data.duplicate()).toString();
        }
    }

    /// A reply to a request: simple, or the only chunk of a structured one.
    ///
    /// @param type the chunk's type, -1 for a simple reply
    record Reply(long cookie, int type, int error, byte[] data) {}

    final SocketChannel channel;
    private long nextCookie = 0x1111_2222_3333_0000L;

    Client(SocketAddress address) throws IOException {
        channel = SocketChannel.open(address);
    }

    /// A client in the transmission phase.
    static Client go(SocketAddress address, boolean structured) throws IOException {
        Client client = new Client(address);
        client.greet(3);
        if (structured) {
            client.option(STRUCTURED, new byte[0]);
            client.option(SET_META, meta("nvme0n1", "base:allocation"));
        }
        List<OptionReply> replies = client.option(GO, named("nvme0n1", 3));
        if (replies.getLast().type() != ACK) {
            throw new IOException("refused: " + replies.getLast().text());
        }
        return client;
    }

    /// Takes the greeting and answers with flags.
    short greet(int flags) throws IOException {
        ByteBuffer greeting = receive(18);
        if (greeting.getLong() != 0x4e42444d41474943L
                || greeting.getLong() != 0x49484156454F5054L) {
            throw new IOException("no greeting");
        }
        send(ByteBuffer.allocate(4).putInt(flags).flip());
        return greeting.getShort();
    }

    static byte[] named(String name, int... infos) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        ByteBuffer data = ByteBuffer.allocate(4 + bytes.length + 2 + 2 * infos.length);
        data.putInt(bytes.length).put(bytes).putShort((short) infos.length);
        for (int info : infos) {
            data.putShort((short) info);
        }
        return data.array();
    }

    static byte[] meta(String name, String... queries) {
        ByteBuffer data = ByteBuffer.allocate(1024);
        data.putInt(name.length()).put(name.getBytes(StandardCharsets.UTF_8));
        data.putInt(queries.length);
        for (String query : queries) {
            data.putInt(query.length()).put(query.getBytes(StandardCharsets.UTF_8));
        }
        byte[] bytes = new byte[data.flip().remaining()];
        data.get(bytes);
        return bytes;
    }

    static ByteBuffer optionBytes(int option, byte[] data) {
        ByteBuffer bytes = ByteBuffer.allocate(16 + data.length);
        return bytes.putLong(0x49484156454F5054L)
                .putInt(option)
                .putInt(data.length)
                .put(data)
                .flip();
    }

    void sendOption(int option, byte[] data) throws IOException {
        send(optionBytes(option, data));
    }

    /// Asks for an option.
    ///
    /// @return the replies up to the one that is the last
    List<OptionReply> option(int option, byte[] data) throws IOException {
        sendOption(option, data);
        List<OptionReply> replies = new ArrayList<>();
        while (replies.isEmpty() || (replies.getLast().type() > ACK)) {
            ByteBuffer head = receive(20);
            if (head.getLong() != 0x3e889045565a9L) {
                throw new IOException("no option reply");
            }
            int to = head.getInt();
            int type = head.getInt();
            replies.add(new OptionReply(to, type, receive(head.getInt())));
        }
        return replies;
    }

    static ByteBuffer requestBytes(
            int magic, int flags, int type, long cookie, long offset, int length) {
        ByteBuffer head = ByteBuffer.allocate(28);
        head.putInt(magic).putShort((short) flags).putShort((short) type);
        return head.putLong(cookie).putLong(offset).putInt(length).flip();
    }

    /// Sends a request.
    ///
    /// @return its cookie
    long request(int type, int flags, long offset, int length) throws IOException {
        long cookie = nextCookie++;
        send(requestBytes(0x25609513, flags, type, cookie, offset, length));
        return cookie;
    }

    long write(int flags, long offset, byte[] data) throws IOException {
        long cookie = request(WRITE, flags, offset, data.length);
        send(ByteBuffer.wrap(data));
        return cookie;
    }

    /// Receives a reply.
    ///
    /// @param bytes how much a simple reply without an error carries
    Reply reply(int bytes) throws IOException {
        int magic = receive(4).getInt();
        if (magic == 0x67446698) {
            ByteBuffer head = receive(12);
            int error = head.getInt();
            return new Reply(head.getLong(), -1, error, receive(error == 0 ? bytes : 0).array());
        }
        if (magic != 0x668e33ef) {
            throw new IOException("no reply: " + Integer.toHexString(magic));
        }
        ByteBuffer head = receive(16);
        if (head.getShort() != 1) {
            throw new IOException("not the last chunk");
        }
        int type = Short.toUnsignedInt(head.getShort());
        long cookie = head.getLong();
        ByteBuffer data = receive(head.getInt());
        return new Reply(cookie, type, type >= 0x8000 ? data.getInt(0) : 0, data.array());
    }

    /// Reads with a client without structured replies.
    byte[] read(long offset, int length) throws IOException {
        request(READ, 0, offset, length);
        Reply reply = reply(length);
        if (reply.error() != 0) {
            throw new IOException("error " + reply.error());
        }
        return reply.data();
    }

    void send(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    ByteBuffer receive(int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException();
            }
        }
        return buffer.flip();
    }

    /// Whether the server hung up.
    boolean isCutOff() throws IOException {
        try {
            return channel.read(ByteBuffer.allocate(1)) < 0;
        } catch (java.net.SocketException e) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
