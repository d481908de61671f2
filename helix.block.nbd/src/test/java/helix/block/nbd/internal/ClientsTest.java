package helix.block.nbd.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockStatus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Several clients, clients that behave badly, and the server's end.
@Timeout(60)
final class ClientsTest {
    private static final int SIZE = 4 << 20;

    @TempDir private Path folder;
    private Rig rig;

    @BeforeEach
    void serve() throws Exception {
        rig = new Rig(folder, new TestDisk(SIZE), false);
    }

    @AfterEach
    void close() {
        rig.close();
    }

    @Test
    void fourClientsWriteAndReadAtATime() throws Exception {
        int share = SIZE / 4;
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<byte[]>> written = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                int first = i * share;
                written.add(threads.submit((Callable<byte[]>) () -> work(first, share)));
            }
            for (int i = 0; i < 4; i++) {
                byte[] expected = written.get(i).get();
                assertThat(rig.disk.contents().asSlice((long) i * share, share).toArray(JAVA_BYTE))
                        .isEqualTo(expected);
            }
        }
        assertThat(rig.export.statistics().errors()).isZero();
    }

    private byte[] work(int first, int size) throws IOException {
        Random random = new Random(first);
        byte[] model = new byte[size];
        try (Client client = rig.go()) {
            for (int i = 0; i < 300; i++) {
                int length = 512 * (1 + random.nextInt(i % 10 == 0 ? 1000 : 20));
                int at = 512 * random.nextInt((size - length) / 512 + 1);
                if (random.nextBoolean()) {
                    byte[] data = new byte[length];
                    random.nextBytes(data);
                    client.write(0, first + at, data);
                    assertThat(client.reply(0).error()).isZero();
                    System.arraycopy(data, 0, model, at, length);
                } else {
                    assertThat(client.read(first + at, length))
                            .isEqualTo(java.util.Arrays.copyOfRange(model, at, at + length));
                }
            }
        }
        return model;
    }

    @Test
    void aClientThatReadsNothingHindersNobody() throws Exception {
        try (Client lazy = rig.go();
                Client brisk = rig.go()) {
            lazy.channel.configureBlocking(false);
            ByteBuffer reads = ByteBuffer.allocate(28 * 400);
            for (int i = 0; i < 400; i++) {
                reads.put(Client.requestBytes(0x25609513, 0, Client.READ, i, 0, 1 << 20));
            }
            lazy.channel.write(reads.flip());
            for (int i = 0; i < 100; i++) {
                assertThat(brisk.read(i * 4096L, 4096)).containsOnly(0);
            }
            // What the lazy one makes the server hold is bounded: 8 MiB, and one buffer more.
            assertThat(rig.disk.device.buffersInUse()).isLessThan(20);
        }
    }

    @Test
    void clientsMayVanishAmidAWrite() throws Exception {
        for (int i = 0; i < 20; i++) {
            try (Client client = rig.go()) {
                client.request(Client.WRITE, 0, 0, 1 << 20);
                client.send(ByteBuffer.allocate(i * 50_000));
            }
        }
        rig.awaitNobody();
        assertThat(rig.disk.contents().asSlice(0, 1 << 20).toArray(JAVA_BYTE)).containsOnly(0);
    }

    @Test
    void clientsMayVanishWithRequestsInFlight() throws Exception {
        rig.disk.device.stall(true);
        for (int i = 0; i < 10; i++) {
            try (Client client = rig.go()) {
                for (int j = 0; j < 40; j++) {
                    client.request(Client.READ, 0, j * 4096L, 4096);
                    client.write(0, j * 4096L, new byte[4096]);
                }
                client.send(ByteBuffer.allocate(28));
                assertThat(client.isCutOff()).isTrue();
            }
        }
        rig.awaitNobody();
        rig.disk.device.stall(false);
    }

    @Test
    void aDiskThatIsGoneIsToldAndTheConnectionStays() throws Exception {
        try (Client client = rig.go()) {
            assertThat(client.read(0, 512)).containsOnly(0);
            rig.disk.device.remove(BlockStatus.DEVICE_GONE);
            for (int i = 0; i < 3; i++) {
                client.request(Client.READ, 0, 0, 512);
                assertThat(client.reply(512).error()).isNotZero();
            }
            rig.disk.device.remove(BlockStatus.OK);
            assertThat(client.read(0, 512)).containsOnly(0);
        }
    }

    @Test
    void withoutAQueueTheClientIsRefusedWithTheReason() throws Exception {
        rig.disk.device.remove(BlockStatus.DEVICE_GONE);
        assertThatThrownBy(rig::go).hasMessageContaining("device is gone");
        rig.disk.device.remove(BlockStatus.OK);
        rig.go().close();
    }

    @Test
    void noMoreClientsThanThereMayBe() throws Exception {
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < Export.MAX_CONNECTIONS; i++) {
            clients.add(rig.go());
        }
        try (Client more = rig.connect()) {
            assertThat(more.isCutOff()).isTrue();
        }
        assertThat(clients.getLast().read(0, 512)).containsOnly(0);
        clients.removeFirst().close();
        Rig.await("room", () -> rig.export.statistics().connections() < Export.MAX_CONNECTIONS);
        clients.add(rig.go());
        for (Client client : clients) {
            client.close();
        }
    }

    @Test
    void theServersEndIsTheClientsEnd() throws Exception {
        Client idle = rig.go();
        Client shaking = rig.connect();
        Client broken = rig.go();
        broken.request(Client.WRITE, 0, 0, 4096);
        rig.server.close();
        assertThat(idle.isCutOff()).isTrue();
        assertThat(broken.isCutOff()).isTrue();
        shaking.receive(18);
        assertThat(shaking.isCutOff()).isTrue();
        assertThat(folder.resolve("s")).doesNotExist();
    }

    @Test
    void theServersEndDoesNotWaitForADiskThatDoesNotAnswer() throws Exception {
        try (Client client = rig.go()) {
            rig.disk.device.stall(true);
            client.request(Client.READ, 0, 0, 4096);
            Rig.await("in flight", () -> rig.disk.device.buffersInUse() > 0);
            rig.server.close();
            assertThat(client.isCutOff()).isTrue();
        }
        rig.awaitNobody();
    }

    @Test
    void theSocketIsItsOwnersOnlyAndNotTakenFromAnybody() throws Exception {
        Path socket = folder.resolve("s");
        assertThat(Files.getPosixFilePermissions(socket))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
        assertThatThrownBy(() -> rig.server.serve(rig.disk, rig.address, "other", false))
                .hasMessage(socket + " is in use: somebody listens there");
        Path file = Files.createFile(folder.resolve("file"));
        assertThatThrownBy(() -> serveAt(file)).hasMessage(file + " exists and is not a socket");
        Path stale = folder.resolve("stale");
        try (ServerSocketChannel s = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            s.bind(UnixDomainSocketAddress.of(stale));
        }
        assertThat(stale).exists();
        serveAt(stale);
        new Client(UnixDomainSocketAddress.of(stale)).close();
        Path deep = folder.resolve("x".repeat(108 - folder.toString().length() - 1));
        assertThatThrownBy(() -> serveAt(deep)).hasMessageContaining("108 bytes, most=107");
        assertThatThrownBy(() -> serveAt(folder.resolve("none/s")))
                .hasMessageContaining("cannot listen on " + folder);
        assertThat(rig.disk.users).hasSize(2);
        assertThatThrownBy(() -> rig.server.serve(rig.disk, rig.address, "nvme0n1", false))
                .hasMessageContaining("there is an export 'nvme0n1' already");
    }

    private void serveAt(Path socket) throws IOException {
        rig.server.serve(
                rig.disk, UnixDomainSocketAddress.of(socket), "at " + socket.getFileName(), false);
    }

    @Test
    void tcpIsForThisComputerOnly() throws Exception {
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        String uri = rig.server.serve(rig.disk, any, "a b", false).uri();
        assertThat(uri).matches("nbd://127\\.0\\.0\\.1:\\d+/a%20b");
        int port = java.net.URI.create(uri).getPort();
        try (Client client = new Client(new InetSocketAddress("127.0.0.1", port))) {
            client.greet(3);
            client.option(Client.GO, Client.named("a b"));
            assertThat(client.read(0, 512)).containsOnly(0);
        }
        assertThatThrownBy(() ->
                        rig.server.serve(
                                rig.disk, new InetSocketAddress("0.0.0.0", 0), "all", false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is not this computer's loopback address");
        assertThatThrownBy(() ->
                        rig.server.serve(
                                rig.disk, new InetSocketAddress("127.0.0.1", port), "x", false))
                .hasMessageContaining("cannot listen on 127.0.0.1 port " + port);
    }
}
