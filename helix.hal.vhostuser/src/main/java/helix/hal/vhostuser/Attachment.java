package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.posix.EventFd;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.ProcessFd;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One socket and the function that stands for what is behind it. A thread of its own talks to the
/// back-end; all others leave tasks.
///
/// A back-end that is lost may still write to memory, as long as nobody knows that its rings have
/// stopped. They have when it said so, when its process has ended, or when the same process answers
/// on a new connection: a back-end serves one at a time.
final class Attachment implements Backend, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Attachment.class);
    private static final long RETRY_MILLIS = 20;
    private static final long IDLE_MILLIS = 60_000;

    /// How long a caller waits until rings are started; the device is told by its status else.
    private static final long START_MILLIS = 2_000;

    private static final long CLOSE_MILLIS = 15_000;

    /// Limits in time.
    ///
    /// @param reply of an answer
    /// @param away after which a device that is away is unplugged
    /// @param drain of the requests that a ring which stops had taken
    record Limits(Duration reply, Duration away, Duration drain) {
        static final Limits STANDARD =
                new Limits(Duration.ofSeconds(3), Duration.ofSeconds(10), Duration.ofSeconds(1));
    }

    /// Where functions come and go.
    interface Slots {
        /// The machine, made when it is needed first.
        VhostUserMachine hardware();

        /// A function is on the bus.
        void functionPlugged();
    }

    private final AttachOptions options;
    private final Slots slots;
    private final Limits limits;
    private final EventFd wake = EventFd.create();
    private final EventFd errors = EventFd.create();
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final PollSet poll = new PollSet(3);
    private final Object monitor = new Object();
    private final Thread thread;

    /// Guarded by the monitor: a back-end is connected and runs no rings.
    private boolean ready;

    private volatile boolean closing;
    private volatile boolean resetRequested;
    private volatile @Nullable VirtioFunction function;
    private volatile int deviceNumber;
    private volatile String trouble = "not connected yet";

    // The thread's own.
    private @Nullable Connection connection;
    private @Nullable Identity identity;
    private @Nullable Rings rings;
    private boolean ringsMayRun;
    private int peerProcess;

    /// The process that runs or may run the rings, as long as it is visible.
    private @Nullable ProcessFd process;

    private long lostAt = System.nanoTime();
    private long nextTry = lostAt;

    Attachment(AttachOptions options, Slots slots, Limits limits) {
        this.options = options;
        this.slots = slots;
        this.limits = limits;
        thread =
                Thread.ofPlatform()
                        .daemon()
                        .name("vhost-user " + options.id())
                        .unstarted(this::run);
    }

    /// Begins to connect, and goes on until it is closed.
    Attachment open() {
        thread.start();
        return this;
    }

    String id() {
        return options.id();
    }

    Path path() {
        return options.path();
    }

    /// Why there is no function, one line.
    String trouble() {
        return trouble;
    }

    /// The function, null while it is unplugged.
    @Nullable VirtioFunction function() {
        return function;
    }

    /// The function's device number.
    int deviceNumber() {
        return deviceNumber;
    }

    // Called by any thread.

    @Override
    public boolean awaitPeer(Deadline deadline) {
        boolean interrupted = false;
        try {
            synchronized (monitor) {
                while (!ready && !closing && function != null) {
                    long millis = deadline.remainingMillis();
                    if (millis == 0) {
                        return false;
                    }
                    try {
                        monitor.wait(millis);
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                return ready && !closing;
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void start(long features, List<QueueState> queues) {
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        submit(() -> {
            try {
                startRings(features, queues);
            } finally {
                done.complete(true);
            }
        });
        boolean _ = await(done, START_MILLIS);
    }

    @Override
    public void reset() {
        resetRequested = true;
        wake.signal();
    }

    @Override
    public void vectorChanged(int vector) {
        // Before the first queue is started nobody has a vector's eventfd.
        submit(() -> {
            VirtioFunction f = function;
            if (connection != null && f != null && rings != null && ringsMayRun) {
                rings.rewire(connection, f, vector);
            }
        });
    }

    @Override
    public void configWritten(int offset, byte value) {
        submit(() -> {
            if (connection != null) {
                connection.config(offset, new byte[] {value});
            }
        });
    }

    private void submit(Runnable task) {
        tasks.add(task);
        wake.signal();
    }

    private static boolean await(CompletableFuture<Boolean> done, long millis) {
        try {
            return done.get(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException | TimeoutException e) {
            LOG.debug("still under way", e);
            return false;
        }
    }

    /// Waits until a function is there.
    boolean awaitFunction(Deadline deadline) {
        synchronized (monitor) {
            while (function == null) {
                long millis = deadline.remainingMillis();
                if (millis == 0 || closing) {
                    return false;
                }
                try {
                    monitor.wait(millis);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return false;
                }
            }
            return true;
        }
    }

    /// Stops the rings, if any run.
    ///
    /// @throws DeviceException if the back-end does not confirm that
    void quiet() {
        Deadline deadline = Deadline.after(limits.reply().multipliedBy(2));
        while (!stopped(deadline)) {
            if (deadline.isExpired()) {
                throw new DeviceException(
                        "%s: process %d does not confirm that it uses our memory no more; end it first"
                                .formatted(id(), peerProcess));
            }
            LockSupport.parkNanos(RETRY_MILLIS * 1_000_000);
        }
    }

    /// Tries once; after a failure it is a new connection that confirms, perhaps.
    private boolean stopped(Deadline deadline) {
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        submit(() -> {
            try {
                stopRings();
            } finally {
                done.complete(!ringsMayRun);
            }
        });
        return await(done, deadline.remainingMillis());
    }

    // The thread.

    private void run() {
        while (!closing) {
            try {
                step();
            } catch (PeerException e) {
                lost(String.valueOf(e.getMessage()));
            } catch (RuntimeException e) {
                LOG.error("{}", id(), e);
                lost(e.toString());
            }
        }
        end();
    }

    private void step() {
        Runnable task;
        while ((task = tasks.poll()) != null) {
            task.run();
        }
        settle();
        if (connection == null) {
            if (System.nanoTime() - nextTry >= 0) {
                connect();
            }
            if (connection == null) {
                unplugIfAway();
            }
        }
        await();
    }

    private void await() {
        poll.clear();
        int woken = poll.add(wake.fd());
        int broken = poll.add(errors.fd());
        Connection peer = connection;
        int heard = peer == null ? -1 : poll.add(peer.fd());
        boolean quietly = peer != null && !(ringsMayRun && resetRequested);
        int _ = poll.await(quietly ? IDLE_MILLIS : RETRY_MILLIS);
        if (poll.isReady(woken)) {
            long _ = wake.drain();
        }
        if (poll.isReady(broken) && errors.drain() > 0) {
            LOG.warn("{}: the back-end reports an error of a ring", id());
            needsReset();
        }
        if (heard >= 0 && poll.isReady(heard)) {
            lost("the back-end hung up");
        }
    }

    private void connect() {
        nextTry = System.nanoTime() + RETRY_MILLIS * 1_000_000;
        Connection fresh;
        try {
            fresh = Connection.open(path(), limits.reply());
        } catch (PosixException | IllegalArgumentException e) {
            trouble = String.valueOf(e.getMessage());
            return;
        }
        try {
            Identity found = Identity.ask(fresh, options.kind());
            int pid = fresh.process();
            adopt(fresh, found, pid);
        } catch (PeerException | PosixException e) {
            fresh.close();
            String now = path() + ": " + e.getMessage();
            if (!now.equals(trouble)) {
                LOG.warn("{}: {}", id(), now);
            }
            trouble = now;
        }
    }

    private void adopt(Connection fresh, Identity found, int pid) {
        if (ringsMayRun && (hasEnded() || (pid > 0 && pid == peerProcess))) {
            ringsStopped();
        }
        if (ringsMayRun) {
            throw new PeerException(
                    "process %d answers now, but process %d, which ran the rings, lives on"
                            .formatted(pid, peerProcess));
        }
        settle();
        replaceProcess(pid);
        connection = fresh;
        VirtioFunction known = function;
        if (known != null && !found.equals(identity)) {
            LOG.warn("{}: another device is behind {} now", id(), path());
            unplug(known);
            known = null;
        }
        if (known == null) {
            identity = found;
            plug(found);
        } else {
            LOG.info("{}: the back-end is back, process {}", id(), pid);
            known.peerReturned();
        }
        trouble = "";
        publishReady();
    }

    private void replaceProcess(int pid) {
        ProcessFd old = process;
        if (old != null) {
            old.close();
        }
        process = null;
        peerProcess = pid;
        if (pid > 0) {
            try {
                process = ProcessFd.open(pid);
            } catch (PosixException e) {
                // Who listened has handed the socket on and ended: nobody tells when its heir does.
                LOG.debug("{}: {}", id(), e.getMessage());
            }
        }
    }

    private void plug(Identity found) {
        VhostUserMachine machine = slots.hardware();
        rings = new Rings(machine.ram(), errors, limits.drain());
        VirtioFunction fresh =
                new VirtioFunction(
                        options.kind(),
                        found,
                        options,
                        this,
                        machine.eventFds(),
                        machine.messages());
        int number = machine.plug(fresh);
        deviceNumber = number;
        synchronized (monitor) {
            function = fresh;
            monitor.notifyAll();
        }
        LOG.info("{}: {} {} as device {}", id(), path(), found, number);
        slots.functionPlugged();
    }

    private void unplug(VirtioFunction gone) {
        synchronized (monitor) {
            function = null;
            monitor.notifyAll();
        }
        resetRequested = false;
        slots.hardware().unplug(gone);
    }

    private void unplugIfAway() {
        VirtioFunction known = function;
        boolean expired = System.nanoTime() - lostAt >= limits.away().toNanos();
        if (known != null && expired && !ringsMayRun) {
            LOG.warn("{}: away for {}, unplugged", id(), limits.away());
            unplug(known);
        }
    }

    private void startRings(long features, List<QueueState> queues) {
        VirtioFunction known = function;
        Identity found = identity;
        Connection peer = connection;
        if (known == null || found == null || rings == null) {
            return;
        }
        String fault = rings.fault(features, queues);
        if (!fault.isEmpty()) {
            LOG.warn("{}: not started: {}", id(), fault);
        }
        if (peer == null || ringsMayRun || !fault.isEmpty()) {
            known.common().needsReset();
            return;
        }
        ringsMayRun = true;
        publishReady();
        rings.start(
                peer, known, found.features() & (features | VhostUser.F_PROTOCOL_FEATURES), queues);
        LOG.debug("{}: rings run", id());
    }

    /// Does what a reset asks for as soon as it can be confirmed.
    private void settle() {
        if (ringsMayRun && connection == null && hasEnded()) {
            ringsStopped();
        }
        if (!resetRequested) {
            return;
        }
        stopRings();
        VirtioFunction known = function;
        if (!ringsMayRun) {
            resetRequested = false;
            if (known != null) {
                known.resetDone();
            }
        }
    }

    private boolean hasEnded() {
        ProcessFd p = process;
        return p != null && p.awaitEnd(0);
    }

    private void stopRings() {
        if (!ringsMayRun) {
            return;
        }
        if (connection != null && rings != null) {
            rings.stop(connection);
            ringsStopped();
        } else if (hasEnded()) {
            ringsStopped();
        }
    }

    private void ringsStopped() {
        ringsMayRun = false;
        if (rings != null) {
            rings.forget();
        }
        publishReady();
    }

    private void publishReady() {
        synchronized (monitor) {
            ready = connection != null && !ringsMayRun;
            monitor.notifyAll();
        }
    }

    private void lost(String reason) {
        Connection old = connection;
        if (old == null) {
            trouble = reason;
            return;
        }
        old.close();
        connection = null;
        lostAt = System.nanoTime();
        nextTry = lostAt;
        trouble = reason;
        LOG.warn("{}: connection to {} lost: {}", id(), path(), reason);
        publishReady();
        needsReset();
    }

    private void needsReset() {
        VirtioFunction known = function;
        if (known != null) {
            known.common().needsReset();
        }
    }

    private void end() {
        VirtioFunction known = function;
        if (known != null) {
            unplug(known);
        }
        Connection old = connection;
        if (old != null) {
            old.close();
            connection = null;
        }
        ProcessFd p = process;
        if (p != null) {
            p.close();
        }
        publishReady();
    }

    /// Unplugs the function and ends the connection. A second call does nothing.
    @Override
    public void close() {
        closing = true;
        wake.signal();
        boolean interrupted = false;
        Deadline deadline = Deadline.afterMillis(CLOSE_MILLIS);
        while (thread.isAlive()) {
            try {
                if (thread.join(Duration.ofMillis(Math.max(1, deadline.remainingMillis())))) {
                    break;
                }
                LOG.error("{}: {} does not end", id(), thread.getName());
                return;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        wake.close();
        errors.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
