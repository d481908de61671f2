package helix.net.ip.internal;

import helix.hal.api.Deadline;
import helix.net.api.ip.IpStack.PingOptions;
import helix.net.api.ip.IpStack.PingReport;
import java.io.IOException;
import java.util.Arrays;

/// Sends echo requests, RFC 792.
final class Pinger {
    private static final double MICRO = 1_000;
    private static final int SEQUENCES = 1 << 16;

    private final IpLink link;
    private final int target;
    private final int id;
    private final byte[] data;
    private final long[] sentAt = new long[SEQUENCES];
    private int sent;
    private int received;
    private long least = Long.MAX_VALUE;
    private long most;
    private long sum;

    Pinger(IpLink link, int target, int bytes) {
        this.link = link;
        this.target = target;
        id = link.random().nextInt(SEQUENCES);
        data = new byte[bytes];
        link.random().nextBytes(data);
    }

    PingReport ping(PingOptions options) throws IOException {
        link.handler(this::packet);
        try {
            while (sent < options.count()) {
                Deadline interval = Deadline.after(options.interval());
                sendOne();
                while (!interval.isExpired() && sent < options.count()) {
                    link.pump(interval.remainingNanos());
                }
            }
            Deadline last = Deadline.after(options.limit());
            while (received < sent && !last.isExpired()) {
                link.pump(last.remainingNanos());
            }
        } finally {
            link.handler(null);
        }
        return new PingReport(
                Addresses.text(target),
                sent,
                received,
                received == 0 ? 0 : least / MICRO,
                received == 0 ? 0 : sum / MICRO / received,
                most / MICRO);
    }

    private void sendOne() throws IOException {
        int sequence = sent % SEQUENCES;
        byte[] request = new Icmp(Icmp.ECHO_REQUEST, 0, id, sequence, data).toBytes();
        sentAt[sequence] = System.nanoTime();
        link.send(target, Ipv4.ICMP, request);
        sent++;
    }

    private void packet(Ipv4 packet, boolean verified) throws MalformedException {
        if (packet.protocol() != Ipv4.ICMP || packet.source() != target) {
            return;
        }
        Icmp message = Icmp.parse(packet);
        boolean mine =
                message.type() == Icmp.ECHO_REPLY
                        && message.id() == id
                        && Arrays.equals(message.payload(), data)
                        && sentAt[message.sequence()] != 0;
        if (mine) {
            long nanos = System.nanoTime() - sentAt[message.sequence()];
            // A second reply does not count.
            sentAt[message.sequence()] = 0;
            received++;
            sum += nanos;
            least = Math.min(least, nanos);
            most = Math.max(most, nanos);
        }
    }
}
