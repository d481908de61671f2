package helix.session;

import com.google.gson.JsonObject;
import helix.hal.api.machine.Machine;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.felix.service.command.CommandProcessor;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/// The far end of the control socket; the launcher's `ControlClient` says what is spoken on it. The
/// socket lies in a folder that only its owner may enter: whoever connects may do everything.
final class ControlServer implements AutoCloseable {
    private static final int END = 0;
    private static final int OUT = 1;
    private static final int ERR = 2;

    /// More than anybody types, and little enough to be taken unseen.
    private static final int MAX_REQUEST = 16 << 20;

    private final BundleContext context;
    private final CommandProcessor processor;
    private final Path socket;
    private final Path note;
    private final ServerSocketChannel server;
    private final Set<SocketChannel> clients = ConcurrentHashMap.newKeySet();
    private final Instant started = Instant.now().truncatedTo(ChronoUnit.SECONDS);

    ControlServer(BundleContext context, CommandProcessor processor, Path socket, Path note)
            throws IOException {
        this.context = context;
        this.processor = processor;
        this.socket = socket;
        this.note = note;
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
        // Moved into place, so that a reader never sees half a path.
        Path draft = note.resolveSibling(note.getFileName() + ".new");
        Files.writeString(draft, socket + "\n");
        Files.move(draft, note, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
    }

    /// Answers until told to stop.
    ///
    /// @return the exit status of the process
    int run() throws IOException {
        while (true) {
            try {
                SocketChannel client = server.accept();
                clients.add(client);
                Thread.ofPlatform().daemon().name("helix-control").start(() -> answer(client));
            } catch (ClosedChannelException e) {
                return 0;
            }
        }
    }

    private void answer(SocketChannel client) {
        try (client) {
            DataInputStream request = new DataInputStream(Channels.newInputStream(client));
            String what = string(request);
            Path directory = Path.of(string(request));
            String text = string(request);
            Frames frames = new Frames(Channels.newOutputStream(client));
            if (what.equals("stop")) {
                frames.end(0);
                close();
                return;
            }
            try (PrintStream out = frames.stream(OUT);
                    PrintStream err = frames.stream(ERR)) {
                int status =
                        switch (what) {
                            case "exec" -> execute(directory, text, request, out, err);
                            case "status" -> status(out, false);
                            case "status-json" -> status(out, true);
                            default -> {
                                err.println("helix: this platform does not know `" + what + "`");
                                yield 1;
                            }
                        };
                out.flush();
                err.flush();
                frames.end(status);
            }
        } catch (IOException e) {
            // The client hung up. There is nobody left to be told.
            return;
        } finally {
            clients.remove(client);
        }
    }

    private int execute(
            Path directory, String text, InputStream request, PrintStream out, PrintStream err) {
        try (CommandRunner runner =
                CommandRunner.open(context, processor, InputStream.nullInputStream(), out, err)) {
            runner.session().currentDir(directory);
            // It ends when the client is closed, after the answer. An interrupt would close the
            // client before it.
            AtomicBoolean answered = new AtomicBoolean();
            Thread.ofPlatform()
                    .daemon()
                    .name("helix-control-watch")
                    .start(() -> cancelAtEnd(request, runner, answered));
            try {
                return runner.runAll(text);
            } finally {
                answered.set(true);
            }
        }
    }

    /// The client sends nothing more; the end of its stream means that it is gone.
    private static void cancelAtEnd(
            InputStream request, CommandRunner runner, AtomicBoolean answered) {
        try {
            int end = request.read();
            if (end >= 0) {
                return; // a client that says more than its request: it has no further meaning
            }
        } catch (IOException e) {
            if (answered.get()) {
                return; // our own close, after the answer
            }
        }
        if (!answered.get()) {
            runner.close();
        }
    }

    private int status(PrintStream out, boolean json) {
        JsonObject status = new JsonObject();
        status.addProperty("state", "running");
        status.addProperty("pid", ProcessHandle.current().pid());
        status.addProperty("instance", context.getProperty("helix.instance"));
        status.addProperty("machine", context.getProperty("helix.machine"));
        status.addProperty("machineState", machineState());
        status.addProperty("since", started.toString());
        if (json) {
            out.println(status);
        } else {
            StringBuilder line = new StringBuilder("running");
            status.entrySet().stream()
                    .skip(1)
                    .forEach(e ->
                            line.append("  ")
                                    .append(e.getKey())
                                    .append(' ')
                                    .append(e.getValue().getAsString()));
            out.println(line);
        }
        return 0;
    }

    private String machineState() {
        ServiceReference<Machine> reference = context.getServiceReference(Machine.class);
        Machine machine = reference == null ? null : context.getService(reference);
        if (machine == null) {
            return "absent";
        }
        try {
            return machine.status().state().name();
        } finally {
            context.ungetService(reference);
        }
    }

    private static String string(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > MAX_REQUEST) {
            throw new IOException("a request of " + length + " bytes");
        }
        return new String(in.readNBytes(length), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (SocketChannel client : clients) {
            client.close();
        }
        Files.deleteIfExists(note);
        Files.deleteIfExists(socket);
    }

    /// Several streams on one connection.
    private static final class Frames {
        private final DataOutputStream wire;

        Frames(OutputStream connection) {
            wire = new DataOutputStream(new BufferedOutputStream(connection));
        }

        PrintStream stream(int kind) {
            OutputStream frames =
                    new OutputStream() {
                        @Override
                        public void write(int b) throws IOException {
                            write(new byte[] {(byte) b}, 0, 1);
                        }

                        @Override
                        public void write(byte[] bytes, int offset, int length) throws IOException {
                            send(kind, bytes, offset, length);
                        }
                    };
            return new PrintStream(new BufferedOutputStream(frames), true, StandardCharsets.UTF_8);
        }

        void end(int status) throws IOException {
            byte[] bytes = {
                (byte) (status >> 24), (byte) (status >> 16), (byte) (status >> 8), (byte) status
            };
            send(END, bytes, 0, bytes.length);
        }

        private synchronized void send(int kind, byte[] bytes, int offset, int length)
                throws IOException {
            wire.writeByte(kind);
            wire.writeInt(length);
            wire.write(bytes, offset, length);
            wire.flush();
        }
    }
}
