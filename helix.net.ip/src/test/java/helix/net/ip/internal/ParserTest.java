package helix.net.ip.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.kit.net.MemoryInterface;
import helix.net.api.NetworkInterface.PortOptions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class ParserTest {
    private static final int ROUNDS = 20_000;

    @Test
    void computesTheChecksumOfRfc1071() {
        byte[] bytes = HexFormat.of().parseHex("0001f203f4f5f6f7");
        assertThat(Checksum.of(bytes, 0, bytes.length, 0)).isEqualTo(~0xddf2 & 0xFFFF);
    }

    /// A header as it is known from elsewhere.
    @Test
    void readsAKnownHeader() throws IOException {
        byte[] bytes =
                HexFormat.of()
                        .parseHex("45000073000040004011b861c0a80001c0a800c7" + "00".repeat(95));
        Ipv4 packet = Ipv4.parse(new PacketReader(bytes));
        assertThat(Addresses.text(packet.source())).isEqualTo("192.168.0.1");
        assertThat(Addresses.text(packet.target())).isEqualTo("192.168.0.199");
        assertThat(packet.protocol()).isEqualTo(Ipv4.UDP);
        assertThat(packet.payload()).hasSize(95);
        bytes[8]++;
        assertThatThrownBy(() -> Ipv4.parse(new PacketReader(bytes)))
                .hasMessageContaining("checksum");
    }

    @Test
    void cutsPaddingOff() throws IOException {
        byte[] bytes = new Ipv4(1, 2, 17, new byte[] {1, 2, 3}).toBytes(0);
        byte[] padded = Arrays.copyOf(bytes, 46);
        assertThat(Ipv4.parse(new PacketReader(padded)).payload()).containsExactly(1, 2, 3);
    }

    @Test
    void refusesFragments() {
        byte[] bytes = new Ipv4(1, 2, 17, new byte[8]).toBytes(0);
        bytes[6] = 0x20;
        bytes[10] = 0;
        bytes[11] = 0;
        int sum = Checksum.of(bytes, 0, 20, 0);
        bytes[10] = (byte) (sum >>> 8);
        bytes[11] = (byte) sum;
        assertThatThrownBy(() -> Ipv4.parse(new PacketReader(bytes)))
                .hasMessageContaining("fragment");
    }

    @Test
    void keepsWhatItWrites() throws IOException {
        Tcp segment = new Tcp(80, 1024, -5, 7, Tcp.SYN | Tcp.ACK, 500, 1460, new byte[] {9});
        byte[] bytes = segment.toBytes(1, 2);
        Tcp read = Tcp.parse(new Ipv4(1, 2, Ipv4.TCP, bytes), false);
        assertThat(read).usingRecursiveComparison().isEqualTo(segment);
        bytes[20]++;
        assertThatThrownBy(() -> Tcp.parse(new Ipv4(1, 2, Ipv4.TCP, bytes), false))
                .hasMessageContaining("checksum");
        Udp datagram = new Udp(5, 6, new byte[] {1, 2, 3});
        byte[] wire = datagram.toBytes(1, 2);
        assertThat(Udp.parse(new Ipv4(1, 2, Ipv4.UDP, wire), false))
                .usingRecursiveComparison()
                .isEqualTo(datagram);
        wire[9]++;
        assertThatThrownBy(() -> Udp.parse(new Ipv4(1, 2, Ipv4.UDP, wire), false))
                .hasMessageContaining("checksum");
    }

    private interface Parser {
        Object parse(byte[] bytes) throws IOException;
    }

    /// Whatever comes, a parser reads it or says that it is malformed.
    @Test
    void survivesMutations() {
        DhcpMessage message =
                new DhcpMessage(2, 3, 4, 5, Map.of(53, new byte[] {2}, 1, new byte[4]));
        List<byte[]> seeds =
                List.of(
                        new Arp(1, 2, 3, 4, 5).toBytes(),
                        new Ipv4(1, 2, 6, new byte[40]).toBytes(1),
                        new Icmp(8, 0, 1, 2, new byte[20]).toBytes(),
                        new Udp(1, 2, new byte[20]).toBytes(1, 2),
                        new Tcp(1, 2, 3, 4, 5, 6, 1460, new byte[20]).toBytes(1, 2),
                        message.toBytes());
        List<Parser> parsers =
                List.of(
                        bytes -> Arp.parse(new PacketReader(bytes)),
                        bytes -> Ipv4.parse(new PacketReader(bytes)),
                        bytes -> Icmp.parse(new Ipv4(1, 2, 1, bytes)),
                        bytes -> Udp.parse(new Ipv4(1, 2, 17, bytes), true),
                        bytes -> Tcp.parse(new Ipv4(1, 2, 6, bytes), true),
                        bytes -> DhcpMessage.parse(new PacketReader(bytes)));
        SplittableRandom random = new SplittableRandom(42);
        int read = 0;
        int malformed = 0;
        for (int i = 0; i < ROUNDS; i++) {
            int which = i % parsers.size();
            byte[] bytes = mutate(seeds.get(which), random);
            try {
                assertThat(parsers.get(which).parse(bytes)).isNotNull();
                read++;
            } catch (MalformedException e) {
                malformed++;
            } catch (IOException e) {
                throw new AssertionError(HexFormat.of().formatHex(bytes), e);
            }
        }
        assertThat(read).isPositive();
        assertThat(malformed).isPositive();
    }

    private static byte[] mutate(byte[] seed, SplittableRandom random) {
        byte[] bytes =
                Arrays.copyOf(
                        seed,
                        random.nextInt(4) == 0 ? random.nextInt(seed.length + 1) : seed.length);
        for (int n = random.nextInt(4); n >= 0 && bytes.length > 0; n--) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
        return bytes;
    }

    /// The whole stack under frames that are nearly right.
    @Test
    void survivesAHostileNetwork() throws IOException {
        MemoryInterface face = new MemoryInterface();
        SplittableRandom random = new SplittableRandom(7);
        try (IpLink link =
                new IpLink(face.open("test", PortOptions.usual(true)), MemoryInterface.MAC)) {
            link.configure(FakeNetwork.CLIENT, 24, FakeNetwork.GATEWAY);
            List<Ipv4> seen = new ArrayList<>();
            link.handler((packet, verified) -> {
                seen.add(packet);
                if (packet.protocol() == Ipv4.TCP) {
                    Tcp _ = Tcp.parse(packet, verified);
                }
            });
            for (int i = 0; i < ROUNDS; i++) {
                byte[] inner =
                        new Ipv4(FakeNetwork.GATEWAY, FakeNetwork.CLIENT, Ipv4.TCP, new byte[30])
                                .toBytes(i);
                byte[] frame =
                        new PacketWriter()
                                .u48(MemoryInterface.MAC)
                                .u48(FakeNetwork.MAC)
                                .u16(0x0800)
                                .all(inner)
                                .toBytes();
                face.deliver(mutate(frame, random));
                link.pump(0);
            }
            assertThat(seen).isNotEmpty();
            assertThat(link.malformed()).isPositive();
        }
    }
}
