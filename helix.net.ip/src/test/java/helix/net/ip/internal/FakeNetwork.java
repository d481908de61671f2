package helix.net.ip.internal;

import helix.driver.kit.net.MemoryInterface;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;

/// The other end of a [MemoryInterface]: a gateway that gives addresses, answers pings, and serves
/// a file by TFTP and HTTP; and that loses frames on request.
final class FakeNetwork {
    static final int GATEWAY = 0x0A000202;
    static final int CLIENT = 0x0A00020F;
    static final long MAC = 0x525500000202L;

    final byte[] file;

    /// Which frames of either direction get lost, by their number.
    Predicate<Integer> loses = _ -> false;

    boolean refuses;
    boolean resets;
    int discovers;

    private final MemoryInterface to;
    private int frames;

    // TCP.
    private int clientPort;
    private int sequence;
    private int expected;
    private int acknowledged;
    private int start;
    private byte[] answer = new byte[0];
    private int next;

    FakeNetwork(MemoryInterface to, byte[] file) {
        this.to = to;
        this.file = file;
        to.wire(this::arrived);
    }

    private void arrived(byte[] frame) {
        if (loses.test(frames++)) {
            return;
        }
        try {
            PacketReader in = new PacketReader(frame);
            in.skip(12);
            if (in.u16() == 0x0806) {
                arp(Arp.parse(in));
            } else {
                ip(Ipv4.parse(in));
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void reply(int type, byte[] payload) {
        if (loses.test(frames++)) {
            return;
        }
        to.deliver(
                new PacketWriter()
                        .u48(MemoryInterface.MAC)
                        .u48(MAC)
                        .u16(type)
                        .all(payload)
                        .zeroes(6)
                        .toBytes());
    }

    void reply(int target, int protocol, byte[] payload) {
        reply(0x0800, new Ipv4(GATEWAY, target, protocol, payload).toBytes(7));
    }

    private void arp(Arp packet) {
        if (packet.targetIp() == GATEWAY) {
            reply(
                    0x0806,
                    new Arp(Arp.REPLY, MAC, GATEWAY, packet.senderMac(), packet.senderIp())
                            .toBytes());
        }
    }

    private void ip(Ipv4 packet) throws IOException {
        switch (packet.protocol()) {
            case Ipv4.ICMP -> {
                Icmp echo = Icmp.parse(packet);
                reply(
                        packet.source(),
                        Ipv4.ICMP,
                        new Icmp(0, 0, echo.id(), echo.sequence(), echo.payload()).toBytes());
            }
            case Ipv4.UDP -> udp(Udp.parse(packet, false), packet.source());
            case Ipv4.TCP -> tcp(Tcp.parse(packet, false));
            default -> throw new AssertionError(packet);
        }
    }

    private void udp(Udp datagram, int source) throws IOException {
        if (datagram.target() == DhcpMessage.SERVER_PORT) {
            dhcp(DhcpMessage.parse(new PacketReader(datagram.payload())));
            return;
        }
        PacketReader in = new PacketReader(datagram.payload());
        int operation = in.u16();
        if (refuses) {
            byte[] error =
                    new PacketWriter()
                            .u16(5)
                            .u16(1)
                            .all("File not found".getBytes(StandardCharsets.US_ASCII))
                            .u8(0)
                            .toBytes();
            tftp(datagram, source, error);
        } else if (operation == 1) {
            byte[] options =
                    new PacketWriter()
                            .u16(6)
                            .all("blksize\0001000\0".getBytes(StandardCharsets.US_ASCII))
                            .toBytes();
            tftp(datagram, source, options);
        } else {
            int block = in.u16() + 1;
            int from = (block - 1) * 1000;
            if (from <= file.length) {
                byte[] data = Arrays.copyOfRange(file, from, Math.min(file.length, from + 1000));
                tftp(datagram, source, new PacketWriter().u16(3).u16(block).all(data).toBytes());
            }
        }
    }

    private void tftp(Udp to, int source, byte[] message) {
        byte[] datagram = new Udp(4711, to.source(), message).toBytes(GATEWAY, source);
        reply(source, Ipv4.UDP, datagram);
    }

    private void dhcp(DhcpMessage asked) {
        Map<Integer, byte[]> options = new LinkedHashMap<>();
        int type = asked.type() == DhcpMessage.DISCOVER ? DhcpMessage.OFFER : DhcpMessage.ACK;
        discovers += type == DhcpMessage.OFFER ? 1 : 0;
        if (refuses && type == DhcpMessage.ACK) {
            type = DhcpMessage.NAK;
        }
        options.put(DhcpMessage.OPTION_TYPE, new byte[] {(byte) type});
        options.put(DhcpMessage.OPTION_SERVER, DhcpMessage.bytes(GATEWAY));
        options.put(DhcpMessage.OPTION_MASK, DhcpMessage.bytes(0xFFFFFF00));
        options.put(DhcpMessage.OPTION_ROUTER, DhcpMessage.bytes(GATEWAY));
        options.put(DhcpMessage.OPTION_DNS, new PacketWriter().s32(0x0A000203).s32(1).toBytes());
        options.put(DhcpMessage.OPTION_SECONDS, DhcpMessage.bytes(86400));
        byte[] message =
                new DhcpMessage(
                                DhcpMessage.REPLY,
                                asked.transaction(),
                                CLIENT,
                                asked.mac(),
                                options)
                        .toBytes();
        byte[] datagram = new Udp(67, 68, message).toBytes(GATEWAY, Addresses.BROADCAST);
        reply(Addresses.BROADCAST, Ipv4.UDP, datagram);
    }

    // ---- A server that sends a window of ten segments, and goes back where something is missing

    private void tcp(Tcp segment) {
        if (refuses) {
            transmit(Tcp.RST | Tcp.ACK, 0, segment.sequence() + 1, segment.source(), new byte[0]);
            return;
        }
        if (segment.has(Tcp.SYN)) {
            clientPort = segment.source();
            start = 1_000_000;
            sequence = start;
            expected = segment.sequence() + 1;
            next = 0;
            acknowledged = 0;
            answer = new byte[0];
            transmit(Tcp.SYN | Tcp.ACK, start, expected, clientPort, new byte[0]);
            sequence = start + 1;
            return;
        }
        if (segment.payload().length > 0 && segment.sequence() == expected) {
            expected += segment.payload().length;
            byte[] head =
                    ("HTTP/1.0 200 OK\r\nContent-Length: " + file.length + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII);
            answer = new PacketWriter().all(head).all(file).toBytes();
            transmit(Tcp.ACK, sequence, expected, clientPort, new byte[0]);
        }
        int got = segment.acknowledged() - sequence;
        // The same number again: something was lost; from there on once more.
        next = got == acknowledged && segment.payload().length == 0 ? got : Math.max(next, got);
        acknowledged = Math.max(acknowledged, Math.min(got, answer.length));
        if (resets && next > 5000) {
            transmit(Tcp.RST, sequence + acknowledged, 0, clientPort, new byte[0]);
            return;
        }
        boolean fin = segment.has(Tcp.FIN);
        for (int i = 0; i < 10 && next < answer.length; i++) {
            byte[] data = Arrays.copyOfRange(answer, next, Math.min(answer.length, next + 1400));
            transmit(Tcp.ACK, sequence + next, expected, clientPort, data);
            next += data.length;
        }
        if (fin) {
            transmit(
                    Tcp.ACK | Tcp.FIN,
                    sequence + answer.length,
                    segment.sequence() + 1,
                    clientPort,
                    new byte[0]);
        }
    }

    private void transmit(int flags, int at, int acknowledges, int port, byte[] bytes) {
        Tcp segment = new Tcp(80, port, at, acknowledges, flags, 8192, 0, bytes);
        reply(CLIENT, Ipv4.TCP, segment.toBytes(GATEWAY, CLIENT));
    }
}
