package helix.hal.qemu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.hal.api.Deadline;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// QEMU's end of the qtest socket, doing what a test says.
final class FakeQtest implements AutoCloseable {
    private static final long WAIT_MILLIS = 5000;

    private final UnixSocket peer;
    private final UnixSocket client;
    private final BlockingQueue<String> commands = new LinkedBlockingQueue<>();
    private final Thread reader;
    private volatile boolean closed;

    /// How each command is answered by itself; null means that the test answers.
    private volatile @Nullable Function<String, String> answers;

    FakeQtest(Path folder) {
        Path path = folder.resolve("qtest");
        try (UnixSocket listener = UnixSocket.listen(path)) {
            peer = UnixSocket.connect(path);
            client = listener.accept(WAIT_MILLIS);
        }
        reader = Thread.ofPlatform().daemon().name("fake-qtest").start(this::read);
    }

    /// The machine's end.
    UnixSocket client() {
        return client;
    }

    /// From now on each command gets an answer at once.
    void answer(Function<String, String> function) {
        answers = function;
    }

    /// The next command that was not answered by itself.
    String command() throws InterruptedException {
        String command = commands.poll(WAIT_MILLIS, TimeUnit.MILLISECONDS);
        if (command == null) {
            throw new AssertionError("no command came");
        }
        return command;
    }

    /// Commands that came and were not answered by themselves.
    int waiting() {
        return commands.size();
    }

    void send(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes.length);
            MemorySegment.copy(bytes, 0, segment, JAVA_BYTE, 0, bytes.length);
            Deadline deadline = Deadline.afterMillis(WAIT_MILLIS);
            for (long done = 0; done < bytes.length; ) {
                done += peer.send(segment, done, bytes.length - done);
                if (deadline.isExpired()) {
                    throw new AssertionError("the client does not read");
                }
            }
        }
    }

    private void read() {
        StringBuilder line = new StringBuilder();
        PollSet poll = new PollSet(1);
        poll.add(peer.fd());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(4096);
            while (!closed) {
                if (poll.await(20) == 0) {
                    continue;
                }
                long n = peer.receive(buffer, 0, 4096);
                for (long i = 0; i < n; i++) {
                    char c = (char) buffer.get(JAVA_BYTE, i);
                    if (c == '\n') {
                        take(line.toString());
                        line.setLength(0);
                    } else {
                        line.append(c);
                    }
                }
            }
        } catch (PosixException e) {
            closed = true;
        }
    }

    private void take(String command) {
        var function = answers;
        if (function == null) {
            commands.add(command);
        } else {
            send(function.apply(command));
        }
    }

    /// Dies as QEMU does.
    @Override
    public void close() {
        closed = true;
        try {
            reader.join(WAIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        peer.close();
    }
}
