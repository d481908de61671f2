package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.lease.LeaseService;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Grants leases of devices without hardware.
final class FakeLeases implements LeaseService {
    private final Map<String, FakeLease> held = new ConcurrentHashMap<>();
    private final Map<String, Long> epochs = new ConcurrentHashMap<>();
    private final Set<String> unconfirmed = ConcurrentHashMap.newKeySet();

    /// The devices whose leases were released, in order.
    final List<String> ended = new CopyOnWriteArrayList<>();

    final AtomicInteger retired = new AtomicInteger();
    final AtomicInteger releases = new AtomicInteger();
    volatile boolean confirms = true;
    volatile boolean passes = true;

    @Override
    public Lease grant(Device device, String owner) {
        if (unconfirmed.contains(device.id())) {
            if (!confirms) {
                throw new DeviceException(device.id() + " is quarantined");
            }
            unconfirmed.remove(device.id());
        }
        return hold(device, owner, null);
    }

    private Lease hold(Device device, String owner, @Nullable FakeLease parent) {
        FakeLease lease =
                new FakeLease(device, owner, epochs.merge(device.id(), 1L, Long::sum), parent);
        FakeLease other = held.putIfAbsent(device.id(), lease);
        if (other != null) {
            throw new DeviceBusyException(device.id(), other.owner());
        }
        return lease;
    }

    @Override
    public Lease grantChild(Lease parent, Device child, String owner, ChildReset reset) {
        if (!parent.isValid()) {
            throw new LeaseRevokedException("a child lease of " + child.id(), parent);
        }
        return hold(child, owner, (FakeLease) parent);
    }

    /// The lease that a device's lease was granted from.
    @Nullable Lease parent(String deviceId) {
        FakeLease lease = held.get(deviceId);
        return lease == null ? null : lease.parent;
    }

    @Override
    public Release release(Lease lease, Deadline deadline) {
        held.values().stream()
                .filter(l -> lease.equals(l.parent))
                .forEach(l -> release(l, deadline));
        ended.add(lease.device().id());
        ((FakeLease) lease).state = confirms ? Lease.State.RELEASED : Lease.State.QUARANTINED;
        if (!confirms) {
            unconfirmed.add(lease.device().id());
        }
        held.remove(lease.device().id(), lease);
        releases.incrementAndGet();
        return new Release(confirms, confirms ? "FLR" : "no answer in " + deadline, 0, 0, 0);
    }

    @Override
    public Lease pass(Lease from, String owner, Deadline deadline) {
        FakeLease old = (FakeLease) from;
        if (!passes || !old.isValid()) {
            throw new DeviceException("a handler of " + from.owner() + " is busy");
        }
        Device device = from.device();
        FakeLease next =
                new FakeLease(device, owner, epochs.merge(device.id(), 1L, Long::sum), old.parent);
        old.state = Lease.State.PASSED;
        held.put(device.id(), next);
        return next;
    }

    @Override
    public boolean retire(Lease passed, Deadline deadline) {
        retired.incrementAndGet();
        return ((FakeLease) passed).state == Lease.State.PASSED;
    }

    @Override
    public Optional<Lease> holder(Device device) {
        return Optional.ofNullable(held.get(device.id()));
    }

    @Override
    public List<Lease> leases() {
        return List.copyOf(held.values());
    }

    private static final class FakeLease implements Lease {
        private final Device device;
        private final String owner;
        private final long epoch;
        private final @Nullable FakeLease parent;
        volatile State state = State.VALID;

        FakeLease(Device device, String owner, long epoch, @Nullable FakeLease parent) {
            this.parent = parent;
            this.device = device;
            this.owner = owner;
            this.epoch = epoch;
        }

        @Override
        public Device device() {
            return device;
        }

        @Override
        public String owner() {
            return owner;
        }

        @Override
        public long epoch() {
            return epoch;
        }

        @Override
        public State state() {
            return state;
        }
    }
}
