package helix.launcher;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The near end of a running platform's control socket.
///
/// A request is three strings, each a 32-bit length and UTF-8: what to do (`exec`, `status`,
/// `status-json`, `stop`), the working directory, and its text. The answer is frames: one byte for
/// the kind (1 standard output, 2 standard error, 0 the end), a 32-bit length, that many bytes. The
/// end's four bytes are the exit status. A client that hangs up cancels its commands.
final class ControlClient {
    private static final int END = 0;
    private static final int OUT = 1;

    private final Instance instance;

    ControlClient(Instance instance) {
        this.instance = instance;
    }

    /// Sends a request and copies its answer to this process's streams.
    ///
    /// @return the exit status
    int request(String what, String text) {
        Path socket =
                instance.controlSocket()
                        .orElseThrow(() ->
                                new Failure(
                                        "nothing runs in "
                                                + instance.directory()
                                                + "; `./helix start` starts it"));
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            DataOutputStream request = new DataOutputStream(Channels.newOutputStream(channel));
            for (String part : new String[] {what, Path.of("").toAbsolutePath().toString(), text}) {
                byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
                request.writeInt(bytes.length);
                request.write(bytes);
            }
            request.flush();
            return copy(
                    new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel))));
        } catch (IOException e) {
            throw new Failure(
                    "the platform in " + instance.directory() + " does not answer: " + e, e);
        }
    }

    private static int copy(DataInputStream answer) throws IOException {
        try (OutputStream out = new FileOutputStream(FileDescriptor.out);
                OutputStream err = new FileOutputStream(FileDescriptor.err)) {
            while (true) {
                int kind = answer.readUnsignedByte();
                int length = answer.readInt();
                if (kind == END) {
                    return answer.readInt();
                }
                byte[] bytes = answer.readNBytes(length);
                (kind == OUT ? out : err).write(bytes);
            }
        }
    }
}
