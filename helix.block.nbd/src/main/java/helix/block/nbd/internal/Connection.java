package helix.block.nbd.internal;

import helix.block.api.Disk;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A client's connection, from its handshake to its end. It has two threads: one receives, the
/// other, which is this one's, serves. Whatever goes wrong ends here.
final class Connection implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

    /// How many requests a client may have in flight: a power of two.
    static final int DEPTH = 128;

    private static final Duration RECEIVER_ENDS = Duration.ofSeconds(10);

    private final String label;
    private final Wire wire;
    private final Disk.Access access;
    private final String export;
    private final boolean readOnly;
    private final ExportCounters counters;
    private final Duration handshake;
    private final Consumer<Connection> onEnd;
    private final Thread thread;
    private @Nullable Receiver receiver;
    private boolean stopped;

    /// Makes a connection; [#start] begins it.
    ///
    /// @param label its name among threads
    /// @param handshake how long it may take to choose the export
    /// @param onEnd told when nothing is left of it
    /// @throws IOException if the client is gone already
    Connection(
            String label,
            SocketChannel channel,
            Disk.Access access,
            String export,
            boolean readOnly,
            ExportCounters counters,
            Duration handshake,
            Consumer<Connection> onEnd)
            throws IOException {
        this.label = label;
        wire = new Wire(channel);
        this.access = access;
        this.export = export;
        this.readOnly = readOnly;
        this.counters = counters;
        this.handshake = handshake;
        this.onEnd = onEnd;
        thread = Thread.ofPlatform().daemon().name(label).unstarted(this);
    }

    void start() {
        thread.start();
    }

    @Override
    public void run() {
        try (wire) {
            serve();
        } catch (ViolationException e) {
            counters.violation();
            LOG.warn("{}: a client is cut off: {}", label, e.getMessage());
        } catch (IOException e) {
            LOG.debug("{}: connection lost: {}", label, e.toString());
        } catch (DeviceException e) {
            LOG.warn("{}: the connection ends: {}", label, e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("{}: the connection ends", label, e);
        } finally {
            onEnd.accept(this);
        }
    }

    private void serve() throws IOException {
        Profile profile = Profile.of(export, access, readOnly);
        Handshake.Opening opening = () -> access.openQueue(QueueOptions.interrupt(DEPTH));
        Handshake.Agreement agreement =
                new Handshake(wire, Deadline.after(handshake), profile, opening).run();
        if (agreement == null) {
            return;
        }
        RequestPool pool = new RequestPool(access, DEPTH);
        Transmission transmission =
                new Transmission(wire, profile, pool, counters, agreement, opening);
        Thread receiving =
                Thread.ofPlatform()
                        .daemon()
                        .name(label + " receiver")
                        .unstarted(transmission.receiver());
        try {
            begin(transmission.receiver());
            receiving.start();
            transmission.run();
        } finally {
            end(transmission, receiving, pool);
        }
    }

    private synchronized void begin(Receiver started) {
        receiver = started;
        if (stopped) {
            started.stop();
        }
    }

    /// Nothing of the connection is left after this: first nobody receives into its memory any
    /// more, then no device uses it, then it is given back.
    private void end(Transmission transmission, Thread receiving, RequestPool pool)
            throws IOException {
        try (wire) {
            transmission.receiver().stop();
        } finally {
            try {
                transmission.closeQueue();
            } finally {
                if (joined(receiving)) {
                    pool.close();
                } else {
                    LOG.error("{}: does not end; its memory is lost", receiving.getName());
                }
            }
        }
    }

    private static boolean joined(Thread thread) {
        try {
            return thread.getState() == Thread.State.NEW || thread.join(RECEIVER_ENDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// Takes no more requests, answers those in flight and ends. Any thread.
    synchronized void stop() {
        stopped = true;
        if (receiver != null) {
            receiver.stop();
        } else {
            abort();
        }
    }

    /// Ends now. Any thread.
    void abort() {
        try {
            wire.close();
        } catch (IOException e) {
            LOG.debug("{}: {}", label, e.toString());
        }
    }

    @Override
    public String toString() {
        return label;
    }
}
