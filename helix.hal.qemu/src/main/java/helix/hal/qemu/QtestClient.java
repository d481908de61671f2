package helix.hal.qemu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The CPU's side of QEMU's qtest protocol: one line of text per access and one line of reply.
///
/// Replies carry no ids and come in the order of the commands, so replies are matched by counting.
/// Writes are posted: their replies are read later, by whoever next waits for one, and at most
/// [#MAX_UNREAD] are left unread, because QEMU stops when its end of the socket is full. A reader
/// waits for its own reply; no other thread is involved.
///
/// An access whose deadline passes keeps its place in the count. Until all owed replies came the
/// machine is *stalled*: accesses fail at once, and the watcher reads what arrives. Between replies
/// QEMU sends `IRQ raise N` and `IRQ lower N` once lines are intercepted.
///
/// The socket is used by plain system calls under a lock that cannot be interrupted, so that an
/// interrupted driver thread leaves no half-read reply behind. An access allocates nothing.
final class QtestClient implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(QtestClient.class);

    /// QEMU stops at some 270 unread replies; far below that keeps the others cheap too.
    static final int MAX_UNREAD = 64;

    private static final int RESUME_UNREAD = 32;
    private static final int INPUT = 4096;
    private static final long NO_REPLY = -1;
    private static final long NOTHING_WANTED = Long.MAX_VALUE;
    private static final long LOST_REPORT_NANOS = 1_000_000_000;
    private static final long WATCH_MILLIS = 200;
    private static final long JOIN_MILLIS = 2000;
    private static final long MAX_BACK_OFF_NANOS = 200_000;

    /// Told of what happens on the socket, with the access lock held: to return soon and not to
    /// access.
    interface Listener {
        /// A reply is overdue.
        void stalled(String detail);

        /// All overdue replies came.
        void recovered();

        /// QEMU closed the socket.
        void gone(String detail);
    }

    /// Told of an intercepted line's changes, with the access lock held.
    interface LineListener {
        /// The line changed its level.
        void changed(int line, boolean raised);
    }

    private enum State {
        OPEN,
        STALLED,
        GONE
    }

    private final String machine;
    private final UnixSocket socket;
    private final Listener listener;
    private final long accessNanos;
    private final ReentrantLock lock = new ReentrantLock();
    private final MemorySegment out = Arena.ofAuto().allocate(QtestText.MAX_LINE);
    private final MemorySegment in = Arena.ofAuto().allocate(INPUT);
    private final PollSet poll = new PollSet(1);
    private final Thread watcher;

    private volatile State state = State.OPEN;
    private volatile String detail = "";
    private volatile boolean lines;
    private volatile @Nullable LineListener lineListener;

    // Guarded by the lock.
    private long sent;
    private long received;
    private long wanted = NO_REPLY;
    private long value;
    private long firstWanted = NOTHING_WANTED;
    private @Nullable String refusal;
    private long lost;
    private long lostReported;
    private long lostReportNanos;
    private int filled;
    private boolean sawLine;

    QtestClient(String machine, UnixSocket socket, Listener listener, long accessMillis) {
        this.machine = machine;
        this.socket = socket;
        this.listener = listener;
        this.accessNanos = accessMillis * 1_000_000;
        poll.add(socket.fd());
        watcher =
                Thread.ofPlatform()
                        .daemon()
                        .name("helix-" + machine + "-watcher")
                        .start(this::watch);
    }

    /// One read access.
    ///
    /// @param counter counts it
    /// @return the value, zero-extended
    long read(QtestCommand command, long address, AtomicLong counter) {
        lock.lock();
        try {
            requireOpen();
            count(counter);
            expect();
            send(QtestText.read(out, command, address));
            return awaitReply();
        } finally {
            lock.unlock();
        }
    }

    /// One write access, posted.
    ///
    /// @param counter counts it
    void write(QtestCommand command, long address, long value, AtomicLong counter) {
        lock.lock();
        try {
            requireOpen();
            count(counter);
            post(QtestText.write(out, command, address, value));
        } finally {
            lock.unlock();
        }
    }

    /// One write access, done when the call returns.
    void writeAndWait(QtestCommand command, long address, long value, AtomicLong counter) {
        lock.lock();
        try {
            requireOpen();
            count(counter);
            expect();
            send(QtestText.write(out, command, address, value));
            awaitReply();
        } finally {
            lock.unlock();
        }
    }

    /// A write and a read that no other access comes between: an index and a data port.
    ///
    /// @return the value read
    long writeThenRead(
            QtestCommand write,
            long index,
            long value,
            QtestCommand read,
            long data,
            AtomicLong counter) {
        lock.lock();
        try {
            requireOpen();
            count(counter);
            expect();
            post(QtestText.write(out, write, index, value));
            send(QtestText.read(out, read, data));
            return awaitReply();
        } finally {
            lock.unlock();
        }
    }

    /// Two writes that no other access comes between, done when the call returns.
    void writeTwice(
            QtestCommand first,
            long index,
            long indexValue,
            QtestCommand second,
            long data,
            long dataValue,
            AtomicLong counter) {
        lock.lock();
        try {
            requireOpen();
            count(counter);
            expect();
            post(QtestText.write(out, first, index, indexValue));
            send(QtestText.write(out, second, data, dataValue));
            awaitReply();
        } finally {
            lock.unlock();
        }
    }

    /// Lets QEMU report an interrupt controller's inputs as `IRQ` lines, from now on.
    ///
    /// @param path the interrupt controller's place in QEMU's object tree
    void intercept(String path, LineListener receiver) {
        byte[] command = ("irq_intercept_in " + path + "\n").getBytes(StandardCharsets.US_ASCII);
        lock.lock();
        try {
            requireOpen();
            MemorySegment.copy(command, 0, out, JAVA_BYTE, 0, command.length);
            lineListener = receiver;
            expect();
            send(command.length);
            awaitReply();
            LockSupport.unpark(watcher);
        } finally {
            lock.unlock();
        }
    }

    /// Whether `IRQ` lines are to be read as they come, and not only along with replies.
    void watchLines(boolean watch) {
        lines = watch;
        LockSupport.unpark(watcher);
    }

    /// Takes in what QEMU has already said, without waiting for more.
    void poll() {
        if (state == State.OPEN && lock.tryLock()) {
            try {
                if (state == State.OPEN) {
                    receive();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    /// Replies that QEMU owes.
    long unread() {
        lock.lock();
        try {
            return sent - received;
        } finally {
            lock.unlock();
        }
    }

    /// Refused accesses that nobody waited for: posted writes, and what was overdue.
    long lost() {
        lock.lock();
        try {
            return lost;
        } finally {
            lock.unlock();
        }
    }

    /// Ends all accesses. QEMU should have ended before, so that nobody still waits for a reply.
    @Override
    public void close() {
        lock.lock();
        try {
            gone("it was stopped");
        } finally {
            lock.unlock();
        }
        LockSupport.unpark(watcher);
        boolean joined;
        try {
            joined = watcher.join(Duration.ofMillis(JOIN_MILLIS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            joined = !watcher.isAlive();
        }
        // While the watcher may still be in poll(2) the descriptor's number must not be reused.
        if (joined) {
            socket.close();
        }
    }

    private static void count(AtomicLong counter) {
        // Only ever changed under the lock; readers need no more than the order of the stores.
        counter.setRelease(counter.getPlain() + 1);
    }

    private void requireOpen() {
        switch (state) {
            case OPEN -> {}
            case STALLED ->
                    throw new DeviceTimeoutException(
                            "machine " + machine + " is stalled: " + detail);
            case GONE ->
                    throw new DeviceGoneException("machine " + machine + " is gone: " + detail);
        }
    }

    private void post(int length) {
        if (sent - received >= MAX_UNREAD) {
            receive();
            requireOpen();
            if (sent - received >= MAX_UNREAD) {
                awaitUnread(RESUME_UNREAD);
            }
        }
        send(length);
    }

    /// A refusal of what is sent from here on is the caller's, until it has its reply.
    private void expect() {
        firstWanted = sent + 1;
        refusal = null;
    }

    private long awaitReply() {
        wanted = sent;
        try {
            awaitUnread(0);
            if (refusal != null) {
                String text = refusal;
                refusal = null;
                throw new DeviceException("machine " + machine + " refused an access: " + text);
            }
            return value;
        } finally {
            wanted = NO_REPLY;
            firstWanted = NOTHING_WANTED;
        }
    }

    private void awaitUnread(int limit) {
        long start = System.nanoTime();
        while (sent - received > limit) {
            long left = accessNanos - (System.nanoTime() - start);
            if (left <= 0) {
                stall();
            }
            if (poll.await((left + 999_999) / 1_000_000) > 0) {
                receive();
                requireOpen();
            }
        }
    }

    private void stall() {
        detail =
                "no reply within "
                        + accessNanos / 1_000_000
                        + " ms, "
                        + (sent - received)
                        + " owed";
        state = State.STALLED;
        firstWanted = NOTHING_WANTED;
        listener.stalled(detail);
        LockSupport.unpark(watcher);
        requireOpen();
    }

    private void send(int length) {
        long start = System.nanoTime();
        int done = 0;
        while (true) {
            try {
                done += (int) socket.send(out, done, length - done);
            } catch (PosixException e) {
                gone("its qtest socket broke, " + e.getMessage());
                requireOpen();
            }
            if (done == length) {
                sent++;
                return;
            }
            if (System.nanoTime() - start > accessNanos) {
                if (done > 0) {
                    gone("it took a part of a command only");
                    requireOpen();
                }
                stall();
            }
            // The socket has room for far more than MAX_UNREAD commands, so this is rare: replies
            // that are read make room.
            if (poll.await(1) > 0) {
                receive();
                requireOpen();
            }
        }
    }

    /// Reads and interprets what is there. With the lock held.
    private void receive() {
        try {
            filled += (int) socket.receive(in, filled, INPUT - filled);
        } catch (PosixException e) {
            gone("its qtest socket closed, " + e.getMessage());
            return;
        }
        int start = 0;
        for (int end; (end = QtestText.lineEnd(in, start, filled)) >= 0; start = end + 1) {
            line(start, end);
        }
        if (start == 0 && filled == INPUT) {
            gone("it sent a line of more than " + INPUT + " bytes");
            return;
        }
        if (start > 0) {
            for (int i = start; i < filled; i++) {
                in.set(JAVA_BYTE, i - start, in.get(JAVA_BYTE, i));
            }
            filled -= start;
        }
        if (state == State.STALLED && sent == received) {
            state = State.OPEN;
            detail = "";
            listener.recovered();
        }
    }

    private void line(int start, int end) {
        byte first = end > start ? in.get(JAVA_BYTE, start) : 0;
        if (first == 'I') {
            sawLine = true;
            // "IRQ raise N", "IRQ lower N"
            LineListener receiver = lineListener;
            if (receiver != null) {
                boolean raised = in.get(JAVA_BYTE, start + 4L) == 'r';
                receiver.changed(QtestText.lastDecimal(in, start, end), raised);
            }
            return;
        }
        received++;
        if (first != 'O') {
            refused(QtestText.string(in, start, end));
        } else if (received == wanted) {
            value = QtestText.okValue(in, start, end);
        }
    }

    /// A posted write's caller is not there any more, and whoever reads next has no part in it.
    private void refused(String text) {
        if (received >= firstWanted) {
            refusal = text;
            return;
        }
        lost++;
        long now = System.nanoTime();
        if (lostReported == 0 || now - lostReportNanos >= LOST_REPORT_NANOS) {
            LOG.warn(
                    "machine {} refused {} accesses that nobody waited for, lastly: {}",
                    machine,
                    lost - lostReported,
                    text);
            lostReported = lost;
            lostReportNanos = now;
        }
    }

    private void gone(String why) {
        if (state != State.GONE) {
            detail = why;
            state = State.GONE;
            listener.gone(why);
        }
    }

    /// Reads what no caller waits for: overdue replies, and lines while somebody listens to them.
    /// Parked otherwise.
    private void watch() {
        PollSet watched = new PollSet(1);
        watched.add(socket.fd());
        long backOff = 0;
        while (state != State.GONE) {
            if (state == State.OPEN && !lines) {
                // Nobody listens. Lines that come all the same must not fill the socket.
                if (lineListener != null) {
                    LockSupport.parkNanos(WATCH_MILLIS * 1_000_000);
                    poll();
                } else {
                    LockSupport.park(this);
                }
                continue;
            }
            if (watched.await(WATCH_MILLIS) == 0) {
                continue;
            }
            if (drain()) {
                backOff = 0;
            } else {
                // Replies that a caller reads itself wake this thread too. Looking less often
                // costs a line some of the time saved, at most the limit.
                backOff = Math.min(backOff + 20_000, MAX_BACK_OFF_NANOS);
                LockSupport.parkNanos(backOff);
            }
        }
    }

    /// Takes in what is there; returns whether lines were among it. Who holds the lock reads for
    /// itself what is there.
    private boolean drain() {
        if (!lock.tryLock()) {
            return false;
        }
        try {
            if (state == State.GONE) {
                return false;
            }
            sawLine = false;
            receive();
            return sawLine;
        } finally {
            lock.unlock();
        }
    }
}
