package helix.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketTest {
    private static final int EPIPE = 32;
    private static final int ETIMEDOUT = 110;

    @TempDir private Path folder;
    private Path path;
    private UnixSocket listener;
    private MemorySegment buffer;

    @BeforeEach
    void listen() {
        path = folder.resolve("s");
        listener = UnixSocket.listen(path);
        buffer = Arena.ofAuto().allocate(1 << 20);
    }

    @AfterEach
    void close() {
        listener.close();
    }

    @Test
    void bytesGoBothWaysWithoutWaiting() {
        try (UnixSocket client = UnixSocket.connect(path);
                UnixSocket server = listener.accept(1000)) {
            assertThat(server.receive(buffer, 0, 16)).isZero();
            buffer.setString(0, "hello");
            assertThat(client.send(buffer, 0, 5)).isEqualTo(5);
            assertThat(server.receive(buffer, 100, 16)).isEqualTo(5);
            assertThat(buffer.get(JAVA_BYTE, 104)).isEqualTo((byte) 'o');
            assertThat(server.send(buffer, 104, 1)).isEqualTo(1);
            assertThat(client.receive(buffer, 200, 16)).isEqualTo(1);
        }
    }

    @Test
    void fullSocketTakesNoMore() {
        try (UnixSocket client = UnixSocket.connect(path);
                UnixSocket server = listener.accept(1000)) {
            long sent = 0;
            for (long n; (n = client.send(buffer, 0, buffer.byteSize())) > 0; ) {
                sent += n;
            }
            assertThat(sent).isPositive();
            assertThat(server.receive(buffer, 0, buffer.byteSize())).isPositive();
            assertThat(client.send(buffer, 0, 1)).isEqualTo(1);
        }
    }

    @Test
    void closedPeerIsAnError() {
        UnixSocket client = UnixSocket.connect(path);
        try (UnixSocket server = listener.accept(1000)) {
            client.close();
            assertThatThrownBy(() -> server.receive(buffer, 0, 1))
                    .isInstanceOfSatisfying(
                            PosixException.class, e -> assertThat(e.errno()).isEqualTo(EPIPE));
            assertThatThrownBy(() -> server.send(buffer, 0, 1))
                    .isInstanceOfSatisfying(
                            PosixException.class, e -> assertThat(e.errno()).isEqualTo(EPIPE));
            assertThatThrownBy(() -> client.send(buffer, 0, 1))
                    .isInstanceOf(PosixException.class)
                    .hasMessageContaining("EBADF");
        }
    }

    @Test
    void placesOutsideTheBufferAreRefused() {
        try (UnixSocket client = UnixSocket.connect(path)) {
            assertThatThrownBy(() -> client.send(buffer, buffer.byteSize(), 1))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> client.send(buffer, -1, 1))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void nobodyToAcceptIsATimeout() {
        assertThatThrownBy(() -> listener.accept(20))
                .isInstanceOfSatisfying(
                        PosixException.class, e -> assertThat(e.errno()).isEqualTo(ETIMEDOUT));
    }

    @Test
    void interruptedThreadKeepsItsSocket() {
        try (UnixSocket client = UnixSocket.connect(path);
                UnixSocket server = listener.accept(1000)) {
            Thread.currentThread().interrupt();
            assertThat(client.send(buffer, 0, 1)).isEqualTo(1);
            PollSet poll = new PollSet(1);
            poll.add(server.fd());
            assertThat(poll.await(1000)).isEqualTo(1);
            assertThat(server.receive(buffer, 0, 16)).isEqualTo(1);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(server.send(buffer, 0, 1)).isEqualTo(1);
        }
    }

    /// The receiver is another process and another implementation of recvmsg.
    @Test
    void descriptorIsPassedToAnotherProcess() throws IOException, InterruptedException {
        String script =
                """
                import array, os, socket, sys
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
                data, control, _, _ = s.recvmsg(8, socket.CMSG_SPACE(4))
                fd = array.array('i', control[0][2])[0]
                os.write(fd, (5).to_bytes(8, 'little'))
                plain, none, _, _ = s.recvmsg(8, socket.CMSG_SPACE(4))
                print(data.decode(), plain.decode(), len(none))
                """;
        Process python;
        try {
            python = new ProcessBuilder("python3", "-c", script, path.toString()).start();
        } catch (IOException e) {
            Assumptions.abort("python3 is not installed: " + e.getMessage());
            return;
        }
        try (UnixSocket server = listener.accept(5000);
                EventFd eventFd = EventFd.create();
                BufferedReader out = python.inputReader()) {
            server.sendWithDescriptor("12345678".getBytes(StandardCharsets.US_ASCII), eventFd.fd());
            server.sendWithDescriptor("87654321".getBytes(StandardCharsets.US_ASCII), -1);
            PollSet poll = new PollSet(1);
            poll.add(eventFd.fd());
            assertThat(poll.await(5000)).isEqualTo(1);
            assertThat(eventFd.drain()).isEqualTo(5);
            assertThat(out.readLine()).isEqualTo("12345678 87654321 0");
            assertThat(python.waitFor(5, TimeUnit.SECONDS)).isTrue();
        } finally {
            python.destroyForcibly();
        }
    }

    @Test
    void severalDescriptorsArriveInOrder() {
        try (UnixSocket client = UnixSocket.connectNow(path);
                UnixSocket server = listener.accept(1000);
                EventFd one = EventFd.create();
                EventFd two = EventFd.create()) {
            byte[] bytes = new byte[8];
            assertThat(server.receiveWithDescriptors(bytes, 0, 8, 4).length()).isZero();
            client.sendWithDescriptors(new byte[] {1, 2, 3}, one.fd(), two.fd());
            UnixSocket.Received received = server.receiveWithDescriptors(bytes, 2, 6, 4);
            assertThat(received.length()).isEqualTo(3);
            assertThat(bytes).startsWith(0, 0, 1, 2, 3);
            assertThat(received.descriptors()).hasSize(2);
            EventFd.signal(received.descriptors().get(1));
            assertThat(one.drain()).isZero();
            assertThat(two.drain()).isEqualTo(1);
            received.descriptors().forEach(UnixSocket::closePassed);
        }
    }

    @Test
    void connectNowDoesNotWaitForAPeerThatAcceptsNobody() {
        List<UnixSocket> waiting = new ArrayList<>();
        try {
            assertThatThrownBy(
                            () -> {
                                for (int i = 0; i < 1000; i++) {
                                    waiting.add(UnixSocket.connectNow(path));
                                }
                            })
                    .isInstanceOf(PosixException.class)
                    .hasMessageContaining("EAGAIN");
        } finally {
            waiting.forEach(UnixSocket::close);
        }
    }

    @Test
    void peersProcessIsKnownAndItsEndSeen() throws Exception {
        try (UnixSocket client = UnixSocket.connect(path)) {
            assertThat(client.peerProcess()).isEqualTo((int) ProcessHandle.current().pid());
        }
        Process process = new ProcessBuilder("sleep", "60").start();
        try (ProcessFd fd = ProcessFd.open((int) process.pid())) {
            assertThat(fd.awaitEnd(0)).isFalse();
            process.destroyForcibly();
            assertThat(fd.awaitEnd(5_000)).isTrue();
        }
        assertThat(process.waitFor(5, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> ProcessFd.open((int) process.pid())).hasMessageContaining("ESRCH");
    }
}
