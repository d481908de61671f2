package helix.net.ip.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.hal.api.Deadline;
import helix.net.api.NetworkInterface.Port;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Ethernet, ARP and IPv4 over a port, for one task of one thread. Answers who asks for its
/// hardware address, and who pings.
final class IpLink implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(IpLink.class);

    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_ARP = 0x0806;

    /// IEEE 802.3: shorter frames are padded.
    private static final int LEAST_FRAME = 60;

    private static final int MOST_FRAME = 1 << 16;
    private static final int BURST = 32;
    private static final long ARP_NANOS = 300_000_000;
    private static final int ARP_TRIES = 6;
    private static final long SEND_NANOS = 1_000_000_000;
    private static final long AWAIT_NANOS = 20_000_000;

    /// Who is interested in packets.
    @FunctionalInterface
    interface Handler {
        /// A packet for this address came.
        ///
        /// @param verified whether transport checksums are known to be right
        /// @throws IOException if it is malformed, or the task fails by it
        void packet(Ipv4 packet, boolean verified) throws IOException;
    }

    private final Port port;
    private final long mac;
    private final Burst burst = new Burst(BURST);
    private final ByteArrayOutputStream assembly = new ByteArrayOutputStream();
    private final Map<Integer, Long> neighbours = new HashMap<>();
    private final SecureRandom random = new SecureRandom();
    private int address;
    private int mask;
    private int gateway;
    private int nextId = random.nextInt();
    private long malformed;
    private @Nullable Handler handler;

    IpLink(Port port, long mac) {
        this.port = port;
        this.mac = mac;
    }

    void configure(int newAddress, int prefix, int newGateway) {
        address = newAddress;
        mask = Addresses.mask(prefix);
        gateway = newGateway;
    }

    int address() {
        return address;
    }

    long mac() {
        return mac;
    }

    SecureRandom random() {
        return random;
    }

    /// A port number of the dynamic range, RFC 6335.
    int ephemeralPort() {
        return 49_152 + random.nextInt(16_384);
    }

    /// How many frames were no packets.
    long malformed() {
        return malformed;
    }

    /// Who gets packets from now on.
    void handler(@Nullable Handler next) {
        handler = next;
    }

    // ---- Out

    /// Sends a packet to an address, whose hardware address is asked for if need be.
    void send(int target, int protocol, byte[] payload) throws IOException {
        Ipv4 packet = new Ipv4(address, target, protocol, payload);
        long to =
                target == Addresses.BROADCAST ? Addresses.BROADCAST_MAC : resolve(nextHop(target));
        sendFrame(to, ETHERTYPE_IPV4, packet.toBytes(nextId++));
    }

    private int nextHop(int target) throws IOException {
        if ((target & mask) == (address & mask)) {
            return target;
        }
        if (gateway == Addresses.ANY) {
            throw new IOException("no way to " + Addresses.text(target) + ": no gateway is known");
        }
        return gateway;
    }

    private long resolve(int target) throws IOException {
        for (int i = 0; i < ARP_TRIES; i++) {
            Long known = neighbours.get(target);
            if (known != null) {
                return known;
            }
            Arp question = new Arp(Arp.REQUEST, mac, address, 0, target);
            sendFrame(Addresses.BROADCAST_MAC, ETHERTYPE_ARP, question.toBytes());
            Deadline deadline = Deadline.after(Duration.ofNanos(ARP_NANOS));
            while (!deadline.isExpired() && !neighbours.containsKey(target)) {
                pump(deadline.remainingNanos());
            }
        }
        Long known = neighbours.get(target);
        if (known == null) {
            throw new IOException("nobody has the address " + Addresses.text(target));
        }
        return known;
    }

    private void sendFrame(long to, int type, byte[] payload) throws IOException {
        PacketWriter out = new PacketWriter().u48(to).u48(mac).u16(type).all(payload);
        if (out.size() < LEAST_FRAME) {
            out.zeroes(LEAST_FRAME - out.size());
        }
        MemorySegment frame = MemorySegment.ofArray(out.toBytes());
        Deadline deadline = Deadline.after(Duration.ofNanos(SEND_NANOS));
        while (!port.send(frame)) {
            if (deadline.isExpired() || !port.isOpen()) {
                throw new IOException(port.isOpen() ? "the interface takes no frame" : "no device");
            }
            boolean _ = port.await(AWAIT_NANOS);
        }
    }

    // ---- In

    /// Handles what comes, or waits for it for a while.
    void pump(long nanos) throws IOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new IOException("interrupted");
        }
        if (!port.isOpen()) {
            throw new IOException("the interface is gone");
        }
        if (port.receive(burst) == 0) {
            boolean _ = port.await(Math.min(nanos, AWAIT_NANOS));
            int _ = port.receive(burst);
        }
        FramePool pool = port.pool();
        IOException failure = null;
        boolean verified = false;
        for (int i = 0; i < burst.size(); i++) {
            if (assembly.size() == 0) {
                verified = (burst.flags(i) & Burst.CHECKSUM) != 0;
            }
            long at = pool.at(burst.frame(i));
            byte[] piece =
                    pool.segment().asSlice(at, burst.length(i)).toArray(ValueLayout.JAVA_BYTE);
            pool.give(burst.frame(i));
            if (assembly.size() + piece.length <= MOST_FRAME) {
                assembly.writeBytes(piece);
            }
            if ((burst.flags(i) & Burst.MORE) == 0) {
                byte[] frame = assembly.toByteArray();
                assembly.reset();
                try {
                    frame(new PacketReader(frame), verified);
                } catch (MalformedException e) {
                    malformed++;
                    LOG.debug("malformed: {}", e.getMessage());
                } catch (IOException e) {
                    failure = failure == null ? e : failure;
                }
            }
        }
        burst.clear();
        if (failure != null) {
            throw failure;
        }
    }

    private void frame(PacketReader in, boolean verified) throws IOException {
        long target = in.u48();
        long source = in.u48();
        int type = in.u16();
        if (target != mac && target != Addresses.BROADCAST_MAC) {
            return;
        }
        if (type == ETHERTYPE_ARP) {
            arp(Arp.parse(in));
        } else if (type == ETHERTYPE_IPV4) {
            Ipv4 packet = Ipv4.parse(in);
            boolean forMe =
                    packet.target() == address
                            || packet.target() == Addresses.BROADCAST
                            || address == Addresses.ANY;
            if (forMe) {
                packet(packet, source, verified);
            }
        }
    }

    private void arp(Arp packet) throws IOException {
        if (packet.targetIp() != address || address == Addresses.ANY) {
            return;
        }
        neighbours.put(packet.senderIp(), packet.senderMac());
        if (packet.operation() == Arp.REQUEST) {
            Arp answer = new Arp(Arp.REPLY, mac, address, packet.senderMac(), packet.senderIp());
            sendFrame(packet.senderMac(), ETHERTYPE_ARP, answer.toBytes());
        }
    }

    private void packet(Ipv4 packet, long source, boolean verified) throws IOException {
        if (packet.protocol() == Ipv4.ICMP && packet.target() == address) {
            Icmp message = Icmp.parse(packet);
            if (message.type() == Icmp.ECHO_REQUEST) {
                Icmp answer =
                        new Icmp(
                                Icmp.ECHO_REPLY,
                                0,
                                message.id(),
                                message.sequence(),
                                message.payload());
                Ipv4 reply = new Ipv4(address, packet.source(), Ipv4.ICMP, answer.toBytes());
                // To who sent it: to ask for his address here could go on for ever.
                sendFrame(source, ETHERTYPE_IPV4, reply.toBytes(nextId++));
                return;
            }
        }
        Handler now = handler;
        if (now != null) {
            now.packet(packet, verified);
        }
    }

    @Override
    public void close() {
        port.close();
    }
}
