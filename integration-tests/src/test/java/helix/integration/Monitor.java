package helix.integration;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// A monitor of QEMU's that is a test's own: QMP commands as they are written in QEMU's documents.
final class Monitor implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader reader;

    Monitor(Path socket) {
        try {
            channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            channel.connect(UnixDomainSocketAddress.of(socket));
            reader = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
            String _ = reader.readLine();
            execute("{\"execute\":\"qmp_capabilities\"}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Runs a command and waits for its return.
    void execute(String json) {
        try {
            channel.write(ByteBuffer.wrap((json + "\n").getBytes(StandardCharsets.UTF_8)));
            while (true) {
                String line = reader.readLine();
                if (line == null || line.contains("\"error\"")) {
                    throw new AssertionError(json + ": " + line);
                }
                if (line.contains("\"return\"")) {
                    return;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
