package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A disk that hands requests straight to the device now behind it.
final class PassThroughDisk implements Disk {
    private static final Logger LOG = LoggerFactory.getLogger(PassThroughDisk.class);

    private final String name;
    private final DiskCounters counters = new DiskCounters();

    /// Everything that changes together when a device comes or goes.
    ///
    /// @param backend the device behind the disk, null while there is none
    /// @param deviceId the device that the medium is in, empty while it is in none
    private record Situation(@Nullable Backend backend, String deviceId) {
        State state() {
            if (backend != null) {
                return State.PRESENT;
            }
            return deviceId.isEmpty() ? State.ABSENT : State.DRIVERLESS;
        }
    }

    private volatile Situation situation;
    private volatile BlockIdentity identity;
    private volatile BlockLimits limits;
    private volatile int blockSize;
    private volatile long totalBlocks;

    /// Block devices that are published for this medium, the newest last: when a driver is replaced
    /// the next generation may come before the last one is withdrawn.
    private final List<Backend> backends = new ArrayList<>();

    private final List<DiskAccess> accesses = new ArrayList<>();

    PassThroughDisk(String name, Backend first) {
        this.name = name;
        identity = first.device().identity();
        limits = first.device().limits();
        blockSize = first.device().blockSize();
        totalBlocks = first.device().totalBlocks();
        situation = new Situation(null, "");
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public BlockIdentity identity() {
        return identity;
    }

    @Override
    public State state() {
        return situation.state();
    }

    @Override
    public int blockSize() {
        return blockSize;
    }

    @Override
    public long totalBlocks() {
        Backend backend = situation.backend();
        return backend == null ? totalBlocks : backend.device().totalBlocks();
    }

    @Override
    public Optional<Backing> backing() {
        Backend backend = situation.backend();
        return backend == null ? Optional.empty() : Optional.of(backend.backing());
    }

    @Override
    public Access open(OpenMode mode, String user) {
        synchronized (accesses) {
            if (state() == State.ABSENT) {
                throw new DeviceGoneException(name + " is absent");
            }
            for (DiskAccess other : accesses) {
                if (excludes(mode, other.user().mode())) {
                    throw new DeviceBusyException(name, other.user().name());
                }
            }
            DiskAccess access = new DiskAccess(this, new User(user, mode), limits);
            accesses.add(access);
            return access;
        }
    }

    /// Exclusive writing goes with nothing else; all else goes together.
    private static boolean excludes(OpenMode a, OpenMode b) {
        return a == OpenMode.WRITE_EXCLUSIVE || b == OpenMode.WRITE_EXCLUSIVE;
    }

    void closed(DiskAccess access) {
        synchronized (accesses) {
            accesses.remove(access);
        }
    }

    @Override
    public List<User> users() {
        synchronized (accesses) {
            return accesses.stream().map(DiskAccess::user).toList();
        }
    }

    @Override
    public Statistics statistics() {
        return counters.snapshot();
    }

    @Override
    public List<Latency> latencies() {
        return List.of();
    }

    DiskCounters counters() {
        return counters;
    }

    /// The device now behind this disk.
    ///
    /// @throws DeviceException at once if there is none
    Backend backend() {
        Situation now = situation;
        Backend backend = now.backend();
        if (backend != null) {
            return backend;
        }
        throw unavailable(now);
    }

    private DeviceException unavailable(Situation now) {
        if (now.state() == State.ABSENT) {
            return new DeviceGoneException(name + " is absent");
        }
        return new BlockException(
                name + " has no driver at " + now.deviceId(), BlockStatus.GENERATION_GONE);
    }

    /// Whether the medium may be the one that came up at a device: it is not known to be elsewhere.
    boolean mayBeBehind(String deviceId) {
        String known = situation.deviceId();
        return known.isEmpty() || known.equals(deviceId);
    }

    /// A driver serves the medium. Called by one thread at a time, as are the next two.
    void attach(Backend backend) {
        backends.add(backend);
        serve(backend);
    }

    /// A block device is withdrawn.
    ///
    /// @param devicePresent whether the device itself is still there
    void detach(Backend backend, boolean devicePresent) {
        backends.remove(backend);
        if (!backends.isEmpty()) {
            serve(backends.getLast());
            return;
        }
        change(new Situation(null, devicePresent ? backend.deviceId() : ""));
    }

    /// A device is gone; it may be the one that the medium was in.
    void deviceRemoved(String deviceId) {
        Situation now = situation;
        if (now.backend() == null && now.deviceId().equals(deviceId)) {
            change(new Situation(null, ""));
        }
    }

    private void serve(Backend backend) {
        identity = backend.device().identity();
        limits = backend.device().limits();
        blockSize = backend.device().blockSize();
        totalBlocks = backend.device().totalBlocks();
        change(new Situation(backend, backend.deviceId()));
    }

    private void change(Situation next) {
        State before = situation.state();
        situation = next;
        if (next.state() != before) {
            LOG.info("{} is {}, device {}", name, next.state(), next.deviceId());
        }
    }

    /// Closes what is open, at the subsystem's end.
    void shutDown() {
        List<DiskAccess> open;
        synchronized (accesses) {
            open = List.copyOf(accesses);
        }
        open.forEach(DiskAccess::close);
    }

    @Override
    public String toString() {
        return name + "[" + identity.key() + ", " + state() + "]";
    }
}
