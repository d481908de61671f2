package helix.integration;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/// A second line to QEMU's management, for what the platform itself does not do.
final class Qmp implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final SocketChannel channel;
    private final StringBuilder unread = new StringBuilder();

    private Qmp(SocketChannel channel) {
        this.channel = channel;
    }

    /// An argument list that makes QEMU listen there.
    static String argument(Path socket) {
        return "unix:" + socket + ",server=on,wait=off";
    }

    static Qmp connect(Path socket) throws IOException, InterruptedException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(socket));
        channel.configureBlocking(false);
        Qmp qmp = new Qmp(channel);
        qmp.line("\"QMP\"");
        qmp.execute("qmp_capabilities", "{}");
        return qmp;
    }

    /// Runs a command.
    ///
    /// @param arguments as JSON
    void execute(String command, String arguments) throws IOException, InterruptedException {
        String text = "{\"execute\": \"%s\", \"arguments\": %s}\n".formatted(command, arguments);
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            int _ = channel.write(bytes);
        }
        String answer = line("\"return\"", "\"error\"");
        if (answer.contains("\"error\"")) {
            throw new AssertionError(command + " " + arguments + ": " + answer);
        }
    }

    /// The next line with one of these words.
    private String line(String... words) throws IOException, InterruptedException {
        long end = System.nanoTime() + LIMIT.toNanos();
        ByteBuffer bytes = ByteBuffer.allocate(4096);
        while (System.nanoTime() - end < 0) {
            int newline = unread.indexOf("\n");
            if (newline < 0) {
                if (channel.read(bytes.clear()) > 0) {
                    unread.append(StandardCharsets.UTF_8.decode(bytes.flip()));
                } else {
                    Thread.sleep(1);
                }
                continue;
            }
            String line = unread.substring(0, newline);
            unread.delete(0, newline + 1);
            for (String word : words) {
                if (line.contains(word)) {
                    return line;
                }
            }
        }
        throw new AssertionError("QEMU did not answer within " + LIMIT);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
