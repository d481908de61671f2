package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceGoneException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A disk whose clients do not notice that drivers come and go: see [DiskLanes] for their requests.
final class StableDisk implements Disk {
    private static final Logger LOG = LoggerFactory.getLogger(StableDisk.class);

    /// As many as tags tell apart, and then some fewer.
    private static final int MOST_QUEUES = 1 << 15;

    private final String name;
    private final long parkNanos;
    private final ReplayOrder order = new ReplayOrder();
    private final DiskLanes lanes = new DiskLanes(this, order);

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

    private volatile Situation situation = new Situation(null, "");
    private volatile BlockIdentity identity;
    private volatile BlockLimits limits;
    private volatile long knownBlocks;

    /// As it was first seen: queues that are open count on it.
    private final int blockSize;

    /// The device that a driver has found the medium in. It is known before the rest, so that two
    /// drivers that find the same medium at a time do not both get this disk.
    private volatile String claimedBy = "";

    private final List<DiskAccess> accesses = new ArrayList<>();

    StableDisk(String name, Backend first, Duration park) {
        this.name = name;
        parkNanos = park.toNanos();
        identity = first.device().identity();
        limits = first.device().limits();
        blockSize = first.device().blockSize();
        knownBlocks = first.device().totalBlocks();
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
        if (backend != null) {
            knownBlocks = backend.device().totalBlocks();
        }
        return knownBlocks;
    }

    /// The capacity as it was when somebody asked last.
    long knownBlocks() {
        return knownBlocks;
    }

    /// The limits of the device that was there last; there is no end of queues.
    BlockLimits limits() {
        BlockLimits most = limits;
        return new BlockLimits(
                most.maxTransferBytes(),
                most.maxSegments(),
                most.segmentAlignment(),
                MOST_QUEUES,
                Math.min(most.maxQueueDepth(), MOST_QUEUES),
                most.operations(),
                most.forceUnitAccess(),
                most.volatileCache(),
                most.maxDiscardBlocks());
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
            DiskAccess access = new DiskAccess(this, new User(user, mode), limits());
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
        return lanes.all().counts().counts();
    }

    @Override
    public List<Latency> latencies() {
        return lanes.all().latencies().latencies();
    }

    DiskLanes lanes() {
        return lanes;
    }

    ReplayOrder order() {
        return order;
    }

    /// How long requests wait for a driver.
    long parkNanos() {
        return parkNanos;
    }

    /// The device that the medium is in, empty while it is in none.
    String deviceId() {
        return situation.deviceId();
    }

    /// Whether the medium may be the one that came up at a device: it is not known to be elsewhere.
    boolean mayBeBehind(String deviceId) {
        String known = claimedBy;
        return known.isEmpty() || known.equals(deviceId);
    }

    /// A driver has found the medium in a device, and will serve it.
    void claim(String deviceId) {
        claimedBy = deviceId;
    }

    /// A driver serves the medium.
    void attach(Backend backend) {
        if (backend.device().blockSize() != blockSize) {
            LOG.warn(
                    "{} has blocks of {} bytes instead of {} now, and is not served",
                    name,
                    backend.device().blockSize(),
                    blockSize);
            return;
        }
        identity = backend.device().identity();
        limits = backend.device().limits();
        knownBlocks = backend.device().totalBlocks();
        change(new Situation(backend, backend.deviceId()));
        lanes.attach(backend);
    }

    /// A block device is withdrawn. Those that served before it do not count any more: a generation
    /// never serves again.
    ///
    /// @param devicePresent whether the device itself is still there
    void detach(Backend backend, boolean devicePresent) {
        if (!backend.equals(situation.backend())) {
            return;
        }
        if (devicePresent) {
            change(new Situation(null, backend.deviceId()));
            lanes.detach();
        } else {
            gone();
        }
    }

    /// A device is gone; it may be the one that the medium was in.
    void deviceRemoved(String deviceId) {
        Situation now = situation;
        if (now.backend() == null && now.deviceId().equals(deviceId)) {
            gone();
        }
    }

    /// A driver has found another medium. Where this disk's was, this disk is no more.
    void otherFound(Backend other) {
        Situation now = situation;
        if (now.backend() == null && other.isPlace(now.deviceId(), identity.namespace())) {
            LOG.info("{}: another medium is in its place at {}", name, now.deviceId());
            gone();
        }
    }

    private void gone() {
        change(new Situation(null, ""));
        claimedBy = "";
        lanes.remove();
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
