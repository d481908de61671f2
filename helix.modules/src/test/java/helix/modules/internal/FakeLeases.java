package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/// Grants leases of devices without hardware.
final class FakeLeases implements LeaseService {
    private final Map<String, FakeLease> held = new ConcurrentHashMap<>();
    private final Map<String, Long> epochs = new ConcurrentHashMap<>();
    private final Set<String> unconfirmed = ConcurrentHashMap.newKeySet();
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
        FakeLease lease = new FakeLease(device, owner, epochs.merge(device.id(), 1L, Long::sum));
        FakeLease other = held.putIfAbsent(device.id(), lease);
        if (other != null) {
            throw new DeviceBusyException(device.id(), other.owner());
        }
        return lease;
    }

    @Override
    public Lease grantChild(Lease parent, Device child, String owner, ChildReset reset) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Release release(Lease lease, Deadline deadline) {
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
        FakeLease next = new FakeLease(device, owner, epochs.merge(device.id(), 1L, Long::sum));
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
        volatile State state = State.VALID;

        FakeLease(Device device, String owner, long epoch) {
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
