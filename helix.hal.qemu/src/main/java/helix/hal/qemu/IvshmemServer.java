package helix.hal.qemu;

import helix.hal.api.Deadline;
import helix.hal.api.machine.MessageInterrupts;
import helix.posix.EventFd;
import helix.posix.PosixException;
import helix.posix.SharedMemory;
import helix.posix.UnixSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The server of QEMU's `ivshmem-doorbell` device, and with it the messages of MSI and MSI-X: an
/// eventfd per vector.
///
/// A doorbell write of `peer << 16 | vector` makes QEMU signal that peer's eventfd. This JVM is
/// peer 0, so the message of a vector is its number and fits the 16 data bits of plain MSI; QEMU's
/// own device is peer 1. See QEMU's docs/specs/ivshmem-spec.
final class IvshmemServer implements MessageInterrupts, AutoCloseable {
    /// The doorbell register takes 8 bits of vector.
    static final int VECTORS = 256;

    /// The doorbell register's offset in BAR 0.
    static final int DOORBELL = 12;

    /// The device has a memory BAR which is not used here; a page is the least it takes.
    static final int SHARED_SIZE = 4096;

    private static final long PROTOCOL_VERSION = 0;
    private static final long OUR_PEER = 0;
    private static final long QEMU_PEER = 1;
    private static final long SHARED_MEMORY = -1;
    private static final long ACCEPT_MILLIS = 100;
    private static final Logger LOG = LoggerFactory.getLogger(IvshmemServer.class);

    private final long doorbell;
    private final List<EventFd> eventFds = new ArrayList<>(VECTORS);
    private final SharedMemory shared;
    private final UnixSocket listener;
    private final BitSet taken = new BitSet(VECTORS);
    private final Thread thread;

    /// Kept open: QEMU takes a closed connection for the end of the server.
    private volatile @Nullable UnixSocket connection;

    private volatile boolean closed;

    /// Listens for QEMU.
    ///
    /// @param socket the socket's file, to be made
    /// @param doorbell the bus address at which the doorbell register will be
    /// @param timeoutMillis how long to wait for QEMU
    IvshmemServer(Path socket, long doorbell, long timeoutMillis) {
        this.doorbell = doorbell;
        listener = UnixSocket.listen(socket);
        shared = SharedMemory.create("helix-ivshmem", SHARED_SIZE);
        for (int i = 0; i < VECTORS; i++) {
            eventFds.add(EventFd.create());
        }
        // QEMU waits for its first messages while it starts, so they must come from a thread that
        // does not wait for QEMU's start.
        thread =
                Thread.ofPlatform()
                        .daemon()
                        .name("helix-qemu-ivshmem")
                        .start(() -> serve(timeoutMillis));
    }

    private void serve(long timeoutMillis) {
        Deadline deadline = Deadline.afterMillis(timeoutMillis);
        try {
            UnixSocket qemu = accept(deadline);
            connection = qemu;
            send(qemu, PROTOCOL_VERSION, -1);
            send(qemu, QEMU_PEER, -1);
            send(qemu, SHARED_MEMORY, shared.fd());
            for (EventFd eventFd : eventFds) {
                send(qemu, OUR_PEER, eventFd.fd());
            }
        } catch (PosixException e) {
            // Whoever starts QEMU finds out by the message that does not arrive.
            LOG.debug("ivshmem: {}", e.getMessage());
        } finally {
            listener.close();
        }
    }

    private UnixSocket accept(Deadline deadline) {
        while (true) {
            try {
                return listener.accept(ACCEPT_MILLIS);
            } catch (PosixException e) {
                if (closed || deadline.isExpired()) {
                    throw e;
                }
            }
        }
    }

    private static void send(UnixSocket socket, long message, int fd) {
        byte[] bytes =
                ByteBuffer.allocate(Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(message)
                        .array();
        socket.sendWithDescriptor(bytes, fd);
    }

    /// The eventfd of a vector, for this machine's own use.
    EventFd eventFd(int vector) {
        return eventFds.get(vector);
    }

    @Override
    public synchronized int available() {
        return closed ? 0 : VECTORS - taken.cardinality();
    }

    @Override
    public synchronized Optional<Messages> allocate(int count) {
        if (count < 1 || count > VECTORS || closed) {
            return Optional.empty();
        }
        // A device with several MSI messages puts the message's number into the low data bits.
        int step = Integer.highestOneBit(2 * count - 1);
        for (int first = 0; first + count <= VECTORS; first += step) {
            int used = taken.nextSetBit(first);
            if (used < 0 || used >= first + count) {
                taken.set(first, first + count);
                for (int i = first; i < first + count; i++) {
                    // What the last owner did not take is not the next one's.
                    eventFds.get(i).drain();
                }
                return Optional.of(new Vectors(first, count));
            }
        }
        return Optional.empty();
    }

    private synchronized void free(int first, int count) {
        taken.clear(first, first + count);
    }

    /// Closes the eventfds. QEMU should have ended before. A second call does nothing.
    @Override
    public void close() {
        closed = true;
        try {
            thread.join(Duration.ofMillis(10 * ACCEPT_MILLIS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        UnixSocket qemu = connection;
        if (qemu != null) {
            qemu.close();
        }
        eventFds.forEach(EventFd::close);
        shared.close();
    }

    private final class Vectors implements Messages {
        private final int first;
        private final int count;
        private final AtomicBoolean open = new AtomicBoolean(true);

        Vectors(int first, int count) {
            this.first = first;
            this.count = count;
        }

        @Override
        public long address() {
            return doorbell;
        }

        @Override
        public int data() {
            return first;
        }

        @Override
        public int eventFd(int index) {
            return eventFds.get(first + Objects.checkIndex(index, count)).fd();
        }

        @Override
        public void close() {
            if (open.compareAndSet(true, false)) {
                free(first, count);
            }
        }
    }
}
