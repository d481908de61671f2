package helix.net.ip.internal;

import helix.hal.api.Deadline;
import helix.net.api.ip.IpStack.Lease;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Asks for an address, RFC 2131 section 3.1. The address is used, but not renewed: tasks are
/// short.
final class DhcpClient {
    /// RFC 2131 section 4.1 begins with 4 s; a virtual network answers sooner.
    private static final long FIRST_MILLIS = 500;

    private static final long MOST_MILLIS = 8_000;
    private static final int MOST_SERVERS = 8;
    private static final int DEFAULT_PREFIX = 24;

    private final IpLink link;
    private final int transaction;
    private @Nullable DhcpMessage answer;

    DhcpClient(IpLink link) {
        this.link = link;
        transaction = link.random().nextInt();
    }

    /// The four messages.
    Lease ask(Deadline deadline) throws IOException {
        link.configure(Addresses.ANY, 0, Addresses.ANY);
        link.handler(this::packet);
        try {
            DhcpMessage offer = exchange(discover(), deadline, DhcpMessage.OFFER);
            Integer server = offer.number(DhcpMessage.OPTION_SERVER);
            if (server == null) {
                throw new IOException("the DHCP server does not say who it is");
            }
            DhcpMessage given = exchange(request(offer.yours(), server), deadline, DhcpMessage.ACK);
            return accept(given, server);
        } finally {
            link.handler(null);
        }
    }

    private Lease accept(DhcpMessage given, int server) {
        Integer mask = given.number(DhcpMessage.OPTION_MASK);
        int prefix = mask == null ? DEFAULT_PREFIX : Integer.bitCount(mask);
        Integer router = given.number(DhcpMessage.OPTION_ROUTER);
        Integer seconds = given.number(DhcpMessage.OPTION_SECONDS);
        List<String> servers = new ArrayList<>();
        for (int i = 0; i < MOST_SERVERS; i++) {
            Integer one = given.number(DhcpMessage.OPTION_DNS, i);
            if (one == null) {
                break;
            }
            servers.add(Addresses.text(one));
        }
        link.configure(given.yours(), prefix, router == null ? Addresses.ANY : router);
        return new Lease(
                Addresses.text(given.yours()),
                prefix,
                router == null ? null : Addresses.text(router),
                List.copyOf(servers),
                Addresses.text(server),
                seconds == null ? 0 : seconds & 0xFFFF_FFFFL);
    }

    private DhcpMessage discover() {
        return message(Map.of(DhcpMessage.OPTION_TYPE, new byte[] {DhcpMessage.DISCOVER}));
    }

    private DhcpMessage request(int address, int server) {
        Map<Integer, byte[]> options = new LinkedHashMap<>();
        options.put(DhcpMessage.OPTION_TYPE, new byte[] {DhcpMessage.ASK});
        options.put(DhcpMessage.OPTION_ADDRESS, DhcpMessage.bytes(address));
        options.put(DhcpMessage.OPTION_SERVER, DhcpMessage.bytes(server));
        return message(options);
    }

    private DhcpMessage message(Map<Integer, byte[]> options) {
        Map<Integer, byte[]> all = new LinkedHashMap<>(options);
        all.put(
                DhcpMessage.OPTION_WANTED,
                new byte[] {
                    DhcpMessage.OPTION_MASK,
                    DhcpMessage.OPTION_ROUTER,
                    DhcpMessage.OPTION_DNS,
                    DhcpMessage.OPTION_SECONDS
                });
        return new DhcpMessage(DhcpMessage.REQUEST, transaction, Addresses.ANY, link.mac(), all);
    }

    /// Sends a message again and again until the answer comes.
    private DhcpMessage exchange(DhcpMessage message, Deadline deadline, int wanted)
            throws IOException {
        byte[] datagram =
                new Udp(DhcpMessage.CLIENT_PORT, DhcpMessage.SERVER_PORT, message.toBytes())
                        .toBytes(Addresses.ANY, Addresses.BROADCAST);
        for (long wait = FIRST_MILLIS; !deadline.isExpired(); wait = longer(wait)) {
            answer = null;
            link.send(Addresses.BROADCAST, Ipv4.UDP, datagram);
            Deadline turn = Deadline.afterMillis(Math.min(wait, deadline.remainingMillis() + 1));
            while (!turn.isExpired()) {
                link.pump(turn.remainingNanos());
                DhcpMessage got = answer;
                if (got != null && got.type() == DhcpMessage.NAK) {
                    throw new IOException("the DHCP server refuses: " + got.message());
                }
                if (got != null && got.type() == wanted) {
                    return got;
                }
            }
        }
        throw new IOException("no DHCP server answers");
    }

    private static long longer(long wait) {
        return Math.min(wait * 2, MOST_MILLIS);
    }

    private void packet(Ipv4 packet, boolean verified) throws MalformedException {
        if (packet.protocol() != Ipv4.UDP) {
            return;
        }
        Udp datagram = Udp.parse(packet, verified);
        if (datagram.target() != DhcpMessage.CLIENT_PORT
                || datagram.source() != DhcpMessage.SERVER_PORT) {
            return;
        }
        DhcpMessage message = DhcpMessage.parse(new PacketReader(datagram.payload()));
        if (message.operation() == DhcpMessage.REPLY
                && message.transaction() == transaction
                && message.mac() == link.mac()) {
            answer = message;
        }
    }
}
