package helix.block.nbd.internal;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdExport;
import helix.hal.api.Deadline;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A served disk: who listens for its clients, and their connections.
final class Export implements NbdExport {
    private static final Logger LOG = LoggerFactory.getLogger(Export.class);

    static final int MAX_CONNECTIONS = 64;
    private static final long ACCEPT_PAUSE_MILLIS = 100;
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final String name;
    private final boolean readOnly;
    private final Disk.Access access;
    private final Listener listener;
    private final Duration handshake;
    private final Consumer<Export> onClose;
    private final ExportCounters counters = new ExportCounters();
    private final CountDownLatch closing = new CountDownLatch(1);

    /// Guards what follows, and is told when connections end.
    private final Object lock = new Object();

    private final Set<Connection> connections = new HashSet<>();
    private long connected;
    private boolean closed;

    Export(
            String name,
            boolean readOnly,
            Disk.Access access,
            Listener listener,
            Duration handshake,
            Consumer<Export> onClose) {
        this.name = name;
        this.readOnly = readOnly;
        this.access = access;
        this.listener = listener;
        this.handshake = handshake;
        this.onClose = onClose;
    }

    void start() {
        Thread.ofPlatform().daemon().name("nbd " + name).start(this::acceptAll);
    }

    private void acceptAll() {
        while (listener.isOpen()) {
            try {
                accept(listener.accept());
            } catch (IOException e) {
                if (listener.isOpen()) {
                    // No file descriptor is left, as a rule.
                    LOG.warn("{}: a client could not be let in: {}", name, e.toString());
                    pause();
                }
            }
        }
    }

    private void accept(SocketChannel client) throws IOException {
        synchronized (lock) {
            if (closed || connections.size() >= MAX_CONNECTIONS) {
                LOG.warn("{}: a client is refused: {} are there", name, connections.size());
                client.close();
                return;
            }
            connected++;
            Connection connection;
            try {
                connection =
                        new Connection(
                                "nbd " + name + " #" + connected,
                                client,
                                access,
                                name,
                                readOnly,
                                counters,
                                handshake,
                                this::ended);
            } catch (IOException e) {
                client.close();
                throw e;
            }
            connections.add(connection);
            try {
                connection.start();
            } catch (OutOfMemoryError e) {
                // No thread is left for this client; those who are there go on.
                connections.remove(connection);
                connection.abort();
                throw new IOException(e);
            }
        }
    }

    private void ended(Connection connection) {
        synchronized (lock) {
            connections.remove(connection);
            lock.notifyAll();
        }
    }

    private void pause() {
        try {
            boolean _ = closing.await(ACCEPT_PAUSE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Disk disk() {
        return access.disk();
    }

    @Override
    public boolean readOnly() {
        return readOnly;
    }

    @Override
    public String uri() {
        return listener.uri(name);
    }

    @Override
    public Statistics statistics() {
        synchronized (lock) {
            return counters.snapshot(connections.size());
        }
    }

    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
        }
        closing.countDown();
        try (access) {
            stopListening();
            connections().forEach(Connection::stop);
            if (!awaitEnd()) {
                connections().forEach(Connection::abort);
                if (!awaitEnd()) {
                    LOG.error("{}: connections do not end: {}", name, connections());
                }
            }
        } finally {
            onClose.accept(this);
        }
    }

    private void stopListening() {
        try {
            listener.close();
        } catch (IOException e) {
            LOG.warn("{}: {}", name, e.toString());
        }
    }

    private List<Connection> connections() {
        synchronized (lock) {
            return List.copyOf(connections);
        }
    }

    private boolean awaitEnd() {
        Deadline deadline = Deadline.after(GRACE);
        synchronized (lock) {
            while (!connections.isEmpty() && !deadline.isExpired()) {
                try {
                    TimeUnit.NANOSECONDS.timedWait(lock, deadline.remainingNanos());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    break;
                }
            }
            return connections.isEmpty();
        }
    }

    @Override
    public String toString() {
        return name + " at " + uri();
    }
}
