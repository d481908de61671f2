package helix.net.ip.internal;

import helix.hal.api.Deadline;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Reads a file by TFTP, RFC 1350, with the block size option of RFC 2348.
final class TftpClient {
    private static final int SERVER_PORT = 69;
    private static final int READ = 1;
    private static final int DATA = 3;
    private static final int ACK = 4;
    private static final int ERROR = 5;
    private static final int OPTIONS = 6;

    private static final int PLAIN_BLOCK = 512;
    private static final int WANTED_BLOCK = 1428;
    private static final long RETRY_MILLIS = 500;
    private static final long MOST_RETRY_MILLIS = 4_000;

    private final IpLink link;
    private final int server;
    private final int local;

    /// The server's port, once it has answered.
    private int peer;

    private @Nullable Udp came;
    private long retransmissions;

    TftpClient(IpLink link, int server) {
        this.link = link;
        this.server = server;
        local = link.ephemeralPort();
    }

    long retransmissions() {
        return retransmissions;
    }

    /// @return how many bytes it has
    long fetch(String name, WritableByteChannel target, Deadline deadline) throws IOException {
        link.handler(this::packet);
        try {
            return transfer(name, target, deadline);
        } finally {
            link.handler(null);
        }
    }

    private long transfer(String name, WritableByteChannel target, Deadline deadline)
            throws IOException {
        byte[] last = request(name);
        int port = SERVER_PORT;
        int blockSize = PLAIN_BLOCK;
        int expected = 1;
        long bytes = 0;
        while (true) {
            PacketReader in = new PacketReader(exchange(last, port, deadline).payload());
            port = peer;
            int operation = in.u16();
            if (operation == ERROR) {
                int code = in.u16();
                throw new IOException("TFTP error " + code + ": " + text(in));
            }
            if (operation == OPTIONS && expected == 1 && bytes == 0) {
                blockSize = blockSize(in);
                last = acknowledge(0);
                continue;
            }
            if (operation != DATA) {
                throw new IOException("TFTP message " + operation);
            }
            int block = in.u16();
            if (block != (expected & 0xFFFF)) {
                // The one before once more: its acknowledgement was lost.
                continue;
            }
            byte[] data = in.rest();
            if (data.length > blockSize) {
                throw new IOException("TFTP block of " + data.length + " bytes");
            }
            for (ByteBuffer left = ByteBuffer.wrap(data); left.hasRemaining(); ) {
                int _ = target.write(left);
            }
            bytes += data.length;
            last = acknowledge(expected);
            expected++;
            if (data.length < blockSize) {
                send(last, port);
                return bytes;
            }
        }
    }

    private static byte[] request(String name) {
        return new PacketWriter()
                .u16(READ)
                .all(name.getBytes(StandardCharsets.UTF_8))
                .u8(0)
                .all(ascii("octet"))
                .u8(0)
                .all(ascii("blksize"))
                .u8(0)
                .all(ascii(Integer.toString(WANTED_BLOCK)))
                .u8(0)
                .toBytes();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] acknowledge(int block) {
        return new PacketWriter().u16(ACK).u16(block).toBytes();
    }

    private static String text(PacketReader in) throws MalformedException {
        StringBuilder text = new StringBuilder();
        while (in.left() > 0) {
            int c = in.u8();
            if (c == 0) {
                break;
            }
            text.append(c >= ' ' && c < 127 ? (char) c : '?');
        }
        return text.toString();
    }

    private static int blockSize(PacketReader in) throws IOException {
        int found = PLAIN_BLOCK;
        while (in.left() > 0) {
            String option = text(in).toLowerCase(Locale.ROOT);
            String value = text(in);
            if (option.equals("blksize")) {
                if (!value.matches("[0-9]{1,5}")) {
                    throw new MalformedException("TFTP block size " + value);
                }
                found = Integer.parseInt(value);
            }
        }
        if (found < 8 || found > WANTED_BLOCK) {
            throw new MalformedException("TFTP block size " + found);
        }
        return found;
    }

    /// Sends a message until something comes.
    private Udp exchange(byte[] message, int port, Deadline deadline) throws IOException {
        long wait = RETRY_MILLIS;
        boolean again = false;
        while (!deadline.isExpired()) {
            came = null;
            send(message, port);
            retransmissions += again ? 1 : 0;
            again = true;
            Deadline turn = Deadline.afterMillis(Math.min(wait, deadline.remainingMillis() + 1));
            while (!turn.isExpired()) {
                link.pump(turn.remainingNanos());
                Udp got = came;
                if (got != null) {
                    return got;
                }
            }
            wait = Math.min(wait * 2, MOST_RETRY_MILLIS);
        }
        throw new IOException("no answer from the TFTP server " + Addresses.text(server));
    }

    private void send(byte[] message, int port) throws IOException {
        byte[] datagram = new Udp(local, port, message).toBytes(link.address(), server);
        link.send(server, Ipv4.UDP, datagram);
    }

    private void packet(Ipv4 packet, boolean verified) throws MalformedException {
        if (packet.protocol() != Ipv4.UDP || packet.source() != server) {
            return;
        }
        Udp datagram = Udp.parse(packet, verified);
        if (datagram.target() != local || (peer != 0 && datagram.source() != peer)) {
            return;
        }
        peer = datagram.source();
        if (came == null) {
            came = datagram;
        }
    }
}
