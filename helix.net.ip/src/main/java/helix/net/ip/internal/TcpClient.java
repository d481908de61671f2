package helix.net.ip.internal;

import helix.hal.api.Deadline;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.util.Arrays;

/// One TCP connection from here, RFC 9293, modest: it sends one request at a time and takes bytes
/// in their order; what comes out of order is asked for again.
final class TcpClient {
    private static final int WINDOW = 65_535;
    private static final int SEGMENT = 1460;
    private static final int PLAIN_SEGMENT = 536;

    /// RFC 6298 section 2.
    private static final long FIRST_RTO_MILLIS = 1_000;

    private static final long MOST_RTO_MILLIS = 8_000;

    /// Every second segment is acknowledged, RFC 9293 section 3.8.6.3.
    private static final int UNACKNOWLEDGED = 2 * SEGMENT;

    private final IpLink link;
    private final int server;
    private final int port;
    private final int local;

    private int sendNext;
    private int acknowledged;
    private int receiveNext;
    private int lastAcknowledgement;
    private int peerSegment = PLAIN_SEGMENT;
    private int peerWindow;
    private boolean synchronised;
    private boolean peerDone;
    private boolean isReset;
    private boolean owesAcknowledgement;
    private long retransmissions;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();

    TcpClient(IpLink link, int server, int port) {
        this.link = link;
        this.server = server;
        this.port = port;
        local = link.ephemeralPort();
        // RFC 9293 section 3.4.1: not to be guessed.
        sendNext = link.random().nextInt();
        acknowledged = sendNext;
    }

    long retransmissions() {
        return retransmissions;
    }

    void connect(Deadline deadline) throws IOException {
        link.handler(this::packet);
        int first = sendNext;
        sendNext = first + 1;
        long rto = FIRST_RTO_MILLIS;
        for (int i = 0; !synchronised; i++) {
            if (deadline.isExpired()) {
                throw new ConnectException(peer() + " does not answer");
            }
            retransmissions += i > 0 ? 1 : 0;
            transmit(Tcp.SYN, first, 0, SEGMENT, new byte[0]);
            rto = await(rto, deadline, () -> synchronised);
            if (isReset) {
                throw new ConnectException(peer() + " refuses the connection");
            }
        }
        acknowledge();
    }

    private String peer() {
        return Addresses.text(server) + ":" + port;
    }

    private interface Condition {
        boolean holds();
    }

    /// Pumps until something is so, or the time is over.
    ///
    /// @return the next, longer time
    private long await(long millis, Deadline deadline, Condition condition) throws IOException {
        Deadline turn = Deadline.afterMillis(Math.min(millis, deadline.remainingMillis() + 1));
        while (!condition.holds() && !isReset && !turn.isExpired()) {
            link.pump(turn.remainingNanos());
        }
        return Math.min(millis * 2, MOST_RTO_MILLIS);
    }

    /// Sends bytes and waits until they are acknowledged.
    void send(byte[] bytes, Deadline deadline) throws IOException {
        int begin = sendNext;
        int end = begin + bytes.length;
        long rto = FIRST_RTO_MILLIS;
        int high = begin;
        while (acknowledged != end) {
            failIfOver(deadline);
            int from = acknowledged - begin;
            int most = Math.max(1, Math.min(peerWindow, Integer.MAX_VALUE));
            for (int at = from; at < bytes.length && at - from < most; ) {
                int length = Math.min(bytes.length - at, Math.min(SEGMENT, peerSegment));
                length = Math.min(length, most - (at - from));
                byte[] piece = Arrays.copyOfRange(bytes, at, at + length);
                retransmissions += begin + at - high < 0 ? 1 : 0;
                transmit(Tcp.ACK | Tcp.PSH, begin + at, receiveNext, 0, piece);
                at += length;
                high = begin + at - high > 0 ? begin + at : high;
                sendNext = high;
            }
            int before = acknowledged;
            int target = high;
            long next = await(rto, deadline, () -> acknowledged == target);
            rto = acknowledged == before ? next : FIRST_RTO_MILLIS;
        }
    }

    /// Bytes that have come, in order.
    ///
    /// @return empty if the peer has no more
    byte[] receive(Deadline deadline) throws IOException {
        while (received.size() == 0 && !peerDone) {
            failIfOver(deadline);
            link.pump(deadline.remainingNanos());
            if (owesAcknowledgement) {
                acknowledge();
            }
        }
        if (owesAcknowledgement) {
            acknowledge();
        }
        byte[] bytes = received.toByteArray();
        received.reset();
        return bytes;
    }

    private void failIfOver(Deadline deadline) throws IOException {
        if (isReset) {
            throw new IOException(peer() + " has reset the connection");
        }
        if (deadline.isExpired()) {
            throw new IOException(peer() + " does not answer in time");
        }
    }

    /// Ends the connection, in order if the peer answers in time.
    void close(Deadline deadline) throws IOException {
        try {
            long rto = FIRST_RTO_MILLIS;
            int fin = sendNext;
            sendNext = fin + 1;
            while (synchronised && acknowledged != sendNext && !isReset) {
                if (deadline.isExpired()) {
                    transmit(Tcp.RST, sendNext, 0, 0, new byte[0]);
                    return;
                }
                transmit(Tcp.FIN | Tcp.ACK, fin, receiveNext, 0, new byte[0]);
                rto = await(rto, deadline, () -> acknowledged == sendNext);
            }
        } finally {
            link.handler(null);
        }
    }

    private void acknowledge() throws IOException {
        owesAcknowledgement = false;
        lastAcknowledgement = receiveNext;
        transmit(Tcp.ACK, sendNext, receiveNext, 0, new byte[0]);
    }

    private void transmit(int flags, int sequence, int acknowledges, int maxSegment, byte[] bytes)
            throws IOException {
        Tcp segment =
                new Tcp(local, port, sequence, acknowledges, flags, WINDOW, maxSegment, bytes);
        link.send(server, Ipv4.TCP, segment.toBytes(link.address(), server));
    }

    // ---- Arrivals, RFC 9293 section 3.10.7

    private void packet(Ipv4 packet, boolean verified) throws IOException {
        if (packet.protocol() != Ipv4.TCP || packet.source() != server) {
            return;
        }
        Tcp segment = Tcp.parse(packet, verified);
        if (segment.source() != port || segment.target() != local) {
            return;
        }
        if (!synchronised) {
            synSent(segment);
        } else {
            established(segment);
        }
    }

    private void synSent(Tcp segment) {
        // Only who has seen our number may say anything.
        if (!segment.has(Tcp.ACK) || segment.acknowledged() != sendNext) {
            return;
        }
        if (segment.has(Tcp.RST)) {
            isReset = true;
        } else if (segment.has(Tcp.SYN)) {
            receiveNext = segment.sequence() + 1;
            acknowledged = segment.acknowledged();
            peerWindow = segment.window();
            peerSegment =
                    segment.maxSegment() == 0 ? PLAIN_SEGMENT : Math.max(1, segment.maxSegment());
            synchronised = true;
        }
    }

    private void established(Tcp segment) throws IOException {
        int ahead = segment.sequence() - receiveNext;
        if (segment.has(Tcp.RST)) {
            // RFC 5961 section 3: only with the very number expected.
            isReset |= ahead == 0;
            return;
        }
        if (segment.has(Tcp.SYN)) {
            acknowledge();
            return;
        }
        if (segment.has(Tcp.ACK)) {
            int more = segment.acknowledged() - acknowledged;
            if (more >= 0 && segment.acknowledged() - sendNext <= 0) {
                acknowledged = segment.acknowledged();
                peerWindow = segment.window();
            }
        }
        byte[] bytes = segment.payload();
        boolean fin = segment.has(Tcp.FIN);
        if (bytes.length == 0 && !fin) {
            return;
        }
        int old = -ahead;
        boolean beyond = ahead > 0 || old > bytes.length;
        if (beyond || peerDone || received.size() + bytes.length > 4 * WINDOW) {
            // What was expected is asked for at once.
            acknowledge();
            return;
        }
        received.write(bytes, old, bytes.length - old);
        receiveNext += bytes.length - old;
        owesAcknowledgement = true;
        if (fin) {
            peerDone = true;
            receiveNext++;
        }
        if (fin || old > 0 || receiveNext - lastAcknowledgement >= UNACKNOWLEDGED) {
            acknowledge();
        }
    }
}
