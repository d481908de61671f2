package helix.net.internal;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkDevice.LinkListener;
import helix.driver.api.net.NetworkException;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import helix.net.api.NetworkInterface;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// An interface whose user does not notice that drivers come and go. The lock is for what changes:
/// moving frames takes none.
final class StableInterface implements NetworkInterface {
    private static final Logger LOG = LoggerFactory.getLogger(StableInterface.class);

    /// How long a user may take to leave the code of a driver that is gone.
    private static final long LEAVE_MILLIS = 1_000;

    private final String name;
    private final String identity;
    private final Duration park;
    private final NetTally tally = new NetTally();
    private final MonitorList monitors = new MonitorList();
    private final LinkRelay links;
    private final ReentrantLock work = new ReentrantLock();
    private final Condition changed = work.newCondition();

    // Guarded by the lock; what is volatile is read without it.
    private volatile @Nullable NetBackend backend;
    private volatile String deviceId = "";
    private volatile String user = "";
    private @Nullable StablePort port;
    private long epoch;
    private boolean parked;

    private volatile long mac;
    private volatile int mtu;

    /// The device that a driver has found the address in, before the rest is known.
    private volatile String claimedBy = "";

    StableInterface(String name, NetBackend first, Duration park) {
        this.name = name;
        this.park = park;
        identity = first.identity();
        mac = first.mac();
        mtu = first.device().mtu();
        links = new LinkRelay(name);
    }

    @Override
    public String name() {
        return name;
    }

    String identity() {
        return identity;
    }

    @Override
    public long macAddress() {
        return mac;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public State state() {
        if (backend != null) {
            return State.PRESENT;
        }
        return deviceId.isEmpty() ? State.ABSENT : State.DRIVERLESS;
    }

    @Override
    public boolean isLinkUp() {
        NetBackend now = backend;
        return now != null && LinkRelay.isUp(now.device());
    }

    @Override
    public long linkSpeed() {
        NetBackend now = backend;
        try {
            return now == null ? 0 : now.device().linkSpeed();
        } catch (DeviceException | IllegalStateException e) {
            LOG.debug("{}: no speed: {}", name, e.toString());
            return 0;
        }
    }

    @Override
    public Optional<Backing> backing() {
        NetBackend now = backend;
        return now == null ? Optional.empty() : Optional.of(now.backing());
    }

    @Override
    public Optional<String> user() {
        String now = user;
        return now.isEmpty() ? Optional.empty() : Optional.of(now);
    }

    @Override
    public AutoCloseable monitor(Monitor monitor) {
        return monitors.add(monitor);
    }

    @Override
    public AutoCloseable onLink(LinkListener listener) {
        return links.add(listener);
    }

    @Override
    public Statistics statistics() {
        NetBackend now = backend;
        return tally.statistics(now == null ? 0 : lostBy(now.device()));
    }

    /// Frames that a generation has not delivered.
    private long lostBy(NetworkDevice device) {
        try {
            var counters = device.statistics();
            return counters.rxNoBuffer() + counters.rxErrors();
        } catch (RuntimeException | LinkageError e) {
            LOG.debug("{}: no statistics: {}", name, e.toString());
            return 0;
        }
    }

    NetTally tally() {
        return tally;
    }

    MonitorList monitors() {
        return monitors;
    }

    /// The device behind it, empty while it is absent.
    String deviceId() {
        return deviceId;
    }

    boolean mayBeBehind(String device) {
        String known = claimedBy;
        return known.isEmpty() || known.equals(device);
    }

    void claim(String device) {
        claimedBy = device;
    }

    @Nullable NetBackend backend() {
        return backend;
    }

    // ---- The user

    @Override
    public Port open(String who, PortOptions options) {
        String asked = who.isEmpty() ? "somebody" : who;
        work.lock();
        try {
            if (state() == State.ABSENT) {
                throw new DeviceGoneException(name + " is absent");
            }
            if (!user.isEmpty()) {
                throw new DeviceBusyException(name, user);
            }
            user = asked;
        } finally {
            work.unlock();
        }
        StablePort made = make(options, Deadline.after(park));
        boolean _ = made.takeOver();
        String why = made.fault();
        if (!why.isEmpty()) {
            made.close();
            throw new NetworkException(NetworkException.Reason.NO_QUEUE, why);
        }
        return made;
    }

    private StablePort make(PortOptions options, Deadline deadline) {
        StablePort made = null;
        try {
            made = new StablePort(this, pool(options, deadline), options);
        } finally {
            if (made == null) {
                user = "";
            }
        }
        work.lock();
        try {
            port = made;
            NetBackend now = backend;
            if (now != null) {
                made.attach(now, epoch, Deadline.afterMillis(LEAVE_MILLIS));
            }
        } finally {
            work.unlock();
        }
        return made;
    }

    /// Memory that the device reaches, from the driver's generation of now or of the near future.
    private FramePool pool(PortOptions options, Deadline deadline) {
        while (true) {
            NetBackend now = awaitBackend(deadline);
            DmaBuffer memory;
            try {
                memory = now.device().allocate((long) options.frames() * options.frameSize());
            } catch (DeviceException | IllegalStateException e) {
                if (isBehind(now) || deadline.isExpired()) {
                    throw e;
                }
                continue;
            }
            try {
                return new FramePool(memory, options.frameSize());
            } catch (IllegalArgumentException e) {
                memory.close();
                throw e;
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    private boolean isBehind(NetBackend now) {
        return backend == now;
    }

    private NetBackend awaitBackend(Deadline deadline) {
        work.lock();
        try {
            boolean some = awaitUntil(() -> !parked && state() != State.DRIVERLESS, deadline);
            NetBackend now = backend;
            if (now != null && some) {
                return now;
            }
            if (state() == State.ABSENT) {
                throw new DeviceGoneException(name + " is absent");
            }
            throw new NetworkException(
                    NetworkException.Reason.GENERATION_GONE, name + " has no driver");
        } finally {
            work.unlock();
        }
    }

    /// With the lock held.
    ///
    /// @return false if the time is over before that
    private boolean awaitUntil(BooleanSupplier condition, Deadline deadline) {
        try {
            while (!condition.getAsBoolean()) {
                long left = deadline.remainingNanos();
                if (left <= 0) {
                    return false;
                }
                boolean _ = changed.await(left, TimeUnit.NANOSECONDS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException("interrupted while waiting for " + name, e);
        }
    }

    /// The port's owner has taken over a generation's queues, or failed to.
    void taken(StablePort by) {
        work.lock();
        try {
            if (!parked && backend != null) {
                by.openIfTaken(epoch);
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// Ends a port, after a reload that is under way.
    @SuppressWarnings("ReferenceEquality") // ports are identities
    void closePort(StablePort old, Deadline deadline) {
        boolean out = leaves(old, deadline);
        if (out) {
            old.end();
        } else {
            LOG.warn("{}: closed with queues that do not end; their memory is kept", name);
        }
        work.lock();
        try {
            if (port == old) {
                port = null;
                user = "";
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// Takes a port's owner out for good. The next generation is to have the queues first, so that
    /// they are not lost.
    private boolean leaves(StablePort old, Deadline deadline) {
        while (!deadline.isExpired()) {
            if (!awaitResumed(deadline)) {
                return false;
            }
            boolean taken = old.takeOver();
            work.lock();
            try {
                if (!parked && !taken) {
                    return old.detach(deadline);
                }
            } finally {
                work.unlock();
            }
        }
        return false;
    }

    private boolean awaitResumed(Deadline deadline) {
        work.lock();
        try {
            return awaitUntil(() -> !parked, deadline);
        } catch (DeviceException e) {
            LOG.warn("{}: closed in the midst of a reload: {}", name, e.getMessage());
            return false;
        } finally {
            work.unlock();
        }
    }

    // ---- Drivers

    /// A driver's generation serves from now on.
    void attach(NetBackend now) {
        int size = now.device().mtu();
        work.lock();
        try {
            NetBackend before = backend;
            if (before != null) {
                tally.lost(lostBy(before.device()));
            }
            epoch++;
            backend = now;
            deviceId = now.deviceId();
            mac = now.mac();
            mtu = size;
            tally.generation();
            StablePort user = port;
            if (user != null) {
                user.attach(now, epoch, Deadline.afterMillis(LEAVE_MILLIS));
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        LOG.info("{} is served by {}", name, now);
        links.follow(now.device());
    }

    /// A network device is withdrawn. Those that served before it do not count any more.
    ///
    /// @param devicePresent whether the device itself is still there
    @SuppressWarnings("ReferenceEquality") // backends are identities
    void detach(NetBackend old, boolean devicePresent) {
        work.lock();
        try {
            if (backend != old) {
                return;
            }
            tally.lost(lostBy(old.device()));
            epoch++;
            backend = null;
            StablePort user = port;
            if (user != null) {
                boolean _ = user.detach(Deadline.afterMillis(LEAVE_MILLIS));
            }
            if (!devicePresent) {
                becomeAbsent();
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
        LOG.info("{} is {}", name, state());
        links.follow(null);
    }

    /// A device is gone; it may be the one behind this.
    void deviceRemoved(String device) {
        work.lock();
        try {
            if (backend == null && deviceId.equals(device)) {
                becomeAbsent();
                changed.signalAll();
            }
        } finally {
            work.unlock();
        }
    }

    private void becomeAbsent() {
        deviceId = "";
        claimedBy = "";
        StablePort user = port;
        if (user != null) {
            user.gone();
        }
    }

    // ---- Passages

    boolean park(Deadline deadline) {
        try {
            if (!work.tryLock(deadline.remainingNanos(), TimeUnit.NANOSECONDS)) {
                return false;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        try {
            parked = true;
            StablePort user = port;
            return user == null || user.park(deadline);
        } finally {
            work.unlock();
        }
    }

    /// Waits until no frame is on its way out.
    boolean drain(Deadline deadline) {
        StablePort user = currentPort();
        if (user == null) {
            return true;
        }
        try {
            for (int i = 0; ; i++) {
                if (user.draining(true) == 0) {
                    return true;
                }
                if (deadline.isExpired()) {
                    return false;
                }
                PortGate.pause(i);
            }
        } finally {
            int _ = user.draining(false);
        }
    }

    private @Nullable StablePort currentPort() {
        work.lock();
        try {
            return port;
        } finally {
            work.unlock();
        }
    }

    /// Waits for the port's user to take over the new generation's queues, as far as he comes by.
    ///
    /// @return why he could not, else empty
    String awaitTaken(Deadline deadline) {
        work.lock();
        try {
            StablePort user = port;
            if (user == null) {
                return "";
            }
            boolean taken = awaitUntil(() -> user.hasTaken(epoch), deadline);
            if (!taken) {
                LOG.info("{}: its user is elsewhere and takes the queues over later", name);
            }
            return taken ? user.fault() : "";
        } finally {
            work.unlock();
        }
    }

    void resume() {
        work.lock();
        try {
            parked = false;
            StablePort user = port;
            if (user != null) {
                if (backend == null) {
                    boolean _ = user.detach(Deadline.afterMillis(LEAVE_MILLIS));
                } else {
                    user.openIfTaken(epoch);
                }
            }
            changed.signalAll();
        } finally {
            work.unlock();
        }
    }

    /// Closes what is open, at the subsystem's end.
    void shutDown() {
        StablePort open = currentPort();
        if (open != null) {
            open.close();
        }
        links.follow(null);
    }

    @Override
    public String toString() {
        return name + "[" + identity + ", " + state() + "]";
    }
}
