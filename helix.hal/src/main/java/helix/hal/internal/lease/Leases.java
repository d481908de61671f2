package helix.hal.internal.lease;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.dma.DmaBlock;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.reset.Resets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The leases of all devices, and the order in which they end.
@Component(service = {LeaseService.class, Leases.class})
public final class Leases implements LeaseService {
    private static final Logger LOG = LoggerFactory.getLogger(Leases.class);

    /// A quarantined device gets another chance when somebody wants it.
    private static final long RETRY_MILLIS = 2_000;

    /// Of a release's time, the most that is for a handler that does not return: the rest is the
    /// reset's, which must be confirmed all the same.
    private static final long HANDLER_MILLIS = 500;

    /// Time to close an arena even where the device used up all of the deadline.
    private static final long ARENA_MILLIS = 200;

    /// Nothing of a device that is gone needs long to end.
    private static final long FORGET_MILLIS = 1_000;

    private final Resets resets = new Resets();
    private final Map<Device, Holding> holdings = new ConcurrentHashMap<>();

    /// Begins with no leases.
    @Activate
    public Leases() {}

    /// What is known of a device's leases; guarded by itself.
    private static final class Holding {
        long epoch;
        @Nullable GrantedLease current;

        /// The last epochs of the devices behind this one, by id: a child's own holding goes with
        /// its lease, its count stays as long as the hardware.
        final Map<String, Long> childEpochs = new ConcurrentHashMap<>();

        /// Whether the device could do DMA since its last confirmed reset.
        boolean mastered;
    }

    private Holding holding(Device device) {
        return holdings.computeIfAbsent(device, _ -> new Holding());
    }

    @Override
    public Lease grant(Device device, String owner) {
        if (!(device instanceof HalDevice hardware)) {
            throw new DeviceException(device.id() + " is no device of this HAL");
        }
        if (!device.isPresent()) {
            throw new DeviceGoneException(device.id() + " is gone");
        }
        hardware.reservation()
                .ifPresent(use -> {
                    throw new DeviceException(
                            device.id() + " is reserved by the platform for " + use);
                });
        while (true) {
            Holding holding = holding(device);
            synchronized (holding) {
                // In one that was forgotten meanwhile nobody would find the lease, to end it.
                if (holding.equals(holdings.get(device))) {
                    return grant(hardware, owner, holding);
                }
            }
        }
    }

    private Lease grant(HalDevice hardware, String owner, Holding holding) {
        requirePresent(hardware, holding);
        GrantedLease current = holding.current;
        if (current != null) {
            if (current.state() != Lease.State.QUARANTINED) {
                throw new DeviceBusyException(hardware.id(), current.owner());
            }
            endQuarantine(hardware, holding);
        }
        if (hardware instanceof PciFunction function) {
            MachineContext context = hardware.context();
            context.domains().attach(function, function.address(), context.dma());
        }
        requirePresent(hardware, holding);
        GrantedLease lease = new GrantedLease(hardware, owner, ++holding.epoch);
        holding.current = lease;
        return lease;
    }

    /// Leaves nothing behind for a device that has gone meanwhile: the function that comes in its
    /// place needs the domain.
    private void requirePresent(HalDevice hardware, Holding holding) {
        if (hardware.isPresent()) {
            return;
        }
        hardware.context().domains().close(hardware);
        // Without a lease ever, nothing is known by it; else it is for #forget.
        if (holding.epoch == 0) {
            holdings.remove(hardware, holding);
        }
        throw new DeviceGoneException(hardware.id() + " is gone");
    }

    /// Tries once more what was not confirmed: the reset, and that no code reaches the memory.
    private void endQuarantine(HalDevice hardware, Holding holding) {
        Resets.Outcome outcome =
                resets.reset(hardware, holding.mastered, Deadline.afterMillis(RETRY_MILLIS));
        if (!outcome.confirmed()) {
            throw new DeviceException(
                    hardware.id()
                            + " is quarantined, its last reset is not confirmed: "
                            + outcome.how());
        }
        GrantedLease last = holding.current;
        if (last != null && !last.closeArena(Deadline.afterMillis(ARENA_MILLIS))) {
            throw new DeviceException(
                    hardware.id()
                            + " is quarantined, native code still uses memory of "
                            + last.owner());
        }
        hardware.context().domains().close(hardware);
        long bytes = hardware.context().dma().lift(holding);
        holding.mastered = false;
        holding.current = null;
        LOG.info(
                "{}: out of quarantine ({}), {} bytes of DMA memory returned",
                hardware.id(),
                outcome.how(),
                bytes);
    }

    @Override
    public Lease grantChild(Lease parent, Device child, String owner, ChildReset reset) {
        GrantedLease above = GrantedLease.valid(parent, "a child lease of " + child.id());
        if (child instanceof HalDevice) {
            throw new IllegalArgumentException(
                    child.id() + " is a device of the HAL, not one behind " + above.owner());
        }
        Map<String, Long> epochs = holding(above.hardware()).childEpochs;
        while (true) {
            Holding holding = holding(child);
            synchronized (holding) {
                // One that a release removed meanwhile is nobody's to be granted.
                if (!holding.equals(holdings.get(child))) {
                    continue;
                }
                GrantedLease current = holding.current;
                if (current != null) {
                    throw new DeviceBusyException(child.id(), current.owner());
                }
                try {
                    long epoch = epochs.merge(child.id(), 1L, Long::sum);
                    holding.current = above.addChild(child, owner, reset, epoch);
                    return holding.current;
                } finally {
                    if (holding.current == null) {
                        holdings.remove(child, holding);
                    }
                }
            }
        }
    }

    /// Notes that a device may do DMA from now on.
    public void mastered(GrantedLease lease) {
        Holding holding = holding(lease.hardware());
        synchronized (holding) {
            holding.mastered = true;
        }
    }

    @Override
    public Release release(Lease lease, Deadline deadline) {
        GrantedLease granted = GrantedLease.own(lease);
        granted.ending().lock();
        try {
            Release report = granted.report();
            if (report == null && granted.state() == Lease.State.PASSED) {
                return new Release(false, "passed on, nothing was reset", 0, 0, 0);
            }
            if (report == null) {
                report = end(granted, deadline);
                granted.report(report);
            }
            return report;
        } finally {
            granted.ending().unlock();
        }
    }

    private Release end(GrantedLease lease, Deadline deadline) {
        long start = System.nanoTime();
        for (GrantedLease child : lease.lastChildren()) {
            release(child, deadline);
        }
        lease.revoke();
        Deadline handlers =
                Deadline.afterMillis(Math.min(HANDLER_MILLIS, deadline.remainingMillis()));
        if (!lease.stopInterrupts(handlers)) {
            LOG.error(
                    "{}: an interrupt handler did not return within {}",
                    lease.owner(),
                    handlers.limit());
        }
        stopBusMaster(lease);
        Resets.Outcome outcome = reset(lease, deadline);
        if (outcome.confirmed() && lease.parent() == null && !closeDomain(lease.hardware())) {
            outcome = new Resets.Outcome(false, outcome.how() + "; may still access memory");
        }

        // Before memory is returned, everything that reaches it throws: stuck code of the holder
        // must not write to what is somebody else's by then.
        long arenaMillis = Math.max(ARENA_MILLIS, deadline.remainingMillis());
        boolean closed = lease.closeArena(Deadline.afterMillis(arenaMillis));
        GrantedLease parent = lease.parent();
        if (!closed && parent != null) {
            parent.leave(lease);
        }
        Release release = settle(lease, outcome, closed, start);
        LOG.debug("{}: {}", lease.owner(), release);
        return release;
    }

    /// Takes all memory away from a device.
    ///
    /// @return false if it may access some still
    private static boolean closeDomain(HalDevice device) {
        try {
            device.context().domains().close(device);
            return true;
        } catch (DeviceException e) {
            LOG.error("{}: may still access memory: {}", device.id(), e.getMessage());
            return false;
        }
    }

    private void stopBusMaster(GrantedLease lease) {
        if (lease.parent() != null || !lease.hardware().isPresent()) {
            return;
        }
        if (lease.device() instanceof PciFunction function) {
            try {
                function.config().update16(Header.COMMAND, Command.MASTER, Command.INTX_DISABLE);
            } catch (DeviceException e) {
                LOG.warn("{}: bus mastering could not be stopped: {}", function, e.getMessage());
            }
        }
    }

    private Resets.Outcome reset(GrantedLease lease, Deadline deadline) {
        ChildReset childReset = lease.childReset();
        if (childReset == null) {
            Holding holding = holding(lease.device());
            boolean mastered;
            synchronized (holding) {
                mastered = holding.mastered;
            }
            return resets.reset(lease.hardware(), mastered, deadline);
        }
        if (!lease.hardware().isPresent() || !lease.device().isPresent()) {
            return new Resets.Outcome(true, "gone");
        }
        try {
            return childReset.reset(deadline)
                    ? new Resets.Outcome(true, "child reset")
                    : new Resets.Outcome(false, "child reset not confirmed");
        } catch (RuntimeException e) {
            LOG.warn("{}: the reset of a child device failed", lease.owner(), e);
            return new Resets.Outcome(false, "child reset failed: " + e);
        }
    }

    private Release settle(GrantedLease lease, Resets.Outcome outcome, boolean closed, long start) {
        // A child's memory is the parent's hardware's to write: its confirmed reset frees it too.
        Holding culprit = holding(lease.hardware());
        boolean clean = outcome.confirmed() && closed;
        long returned = 0;
        long quarantined = 0;
        for (DmaBlock block : lease.takeMemory()) {
            if (clean) {
                returned += block.release();
            } else {
                block.quarantine(culprit);
                block.release();
                quarantined += block.reservedBytes();
            }
        }
        if (lease.parent() == null && clean) {
            returned += lease.hardware().context().dma().lift(culprit);
        } else if (!outcome.confirmed()) {
            lease.hardware().context().dma().suspectAll(culprit);
        }
        lease.end(clean);
        finish(lease, outcome.confirmed(), clean);
        String how = outcome.how();
        if (!closed) {
            how += "; native code still uses memory of the lease";
            LOG.error("{}: native code still uses memory of the lease", lease.owner());
        } else if (!outcome.confirmed()) {
            LOG.error(
                    "{}: reset not confirmed ({}); {} bytes of DMA memory quarantined",
                    lease.owner(),
                    how,
                    quarantined);
        }
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        return new Release(outcome.confirmed(), how, returned, quarantined, millis);
    }

    private void finish(GrantedLease lease, boolean confirmed, boolean clean) {
        GrantedLease parent = lease.parent();
        if (parent != null) {
            parent.removeChild(lease);
        }
        Holding holding = holding(lease.device());
        synchronized (holding) {
            if (confirmed) {
                holding.mastered = false;
            }
            // An unclean child keeps nobody from binding it: its memory waits for the parent.
            if ((clean || parent != null) && lease.equals(holding.current)) {
                holding.current = null;
            }
            if (parent != null && holding.current == null) {
                holdings.remove(lease.device(), holding);
            }
        }
    }

    /// Ends a device's lease, if it has one, because the device goes.
    public void releaseAll(Device device, Deadline deadline) {
        Lease last = null;
        Lease lease = holder(device).orElse(null);
        // One that was passed on meanwhile leaves another; an unclean one stays, and is enough.
        while (lease != null && !lease.equals(last)) {
            release(lease, deadline);
            last = lease;
            lease = holder(device).orElse(null);
        }
    }

    /// Forgets a device that is gone: nothing of it can be written to any more.
    public void forget(HalDevice device) {
        if (!device.isPresent()) {
            // One that was granted after all were released and before the device was gone.
            releaseAll(device, Deadline.afterMillis(FORGET_MILLIS));
        }
        Holding holding = holdings.remove(device);
        boolean silent = !device.isPresent() && closeDomain(device);
        if (holding != null && silent) {
            device.context().dma().lift(holding);
        }
    }

    @Override
    public Lease pass(Lease from, String owner, Deadline deadline) {
        GrantedLease old = GrantedLease.own(from);
        if (!lock(old.ending(), deadline)) {
            throw new DeviceTimeoutException(
                    "%s is being released; not passed on within %s"
                            .formatted(old.owner(), deadline.limit()));
        }
        try {
            Fence interrupts = old.beginPassing();
            requirePresent(old);
            if (interrupts != null && !interrupts.halt(deadline)) {
                throw new DeviceTimeoutException(
                        "%s: an interrupt handler did not return within %s; not passed on"
                                .formatted(old.owner(), deadline.limit()));
            }
            return handOver(old, owner);
        } finally {
            old.endPassing();
            old.ending().unlock();
        }
    }

    private GrantedLease handOver(GrantedLease old, String owner) {
        Holding holding = holding(old.device());
        // With this held nobody sees a device whose holder was passed on and has no next yet.
        synchronized (holding) {
            requirePresent(old);
            GrantedLease next = old.handOver(owner, nextEpoch(old, holding));
            holding.current = next;
            return next;
        }
    }

    private long nextEpoch(GrantedLease lease, Holding holding) {
        return lease.parent() == null
                ? ++holding.epoch
                : holding(lease.hardware()).childEpochs.merge(lease.device().id(), 1L, Long::sum);
    }

    private static void requirePresent(GrantedLease lease) {
        if (!lease.hardware().isPresent() || !lease.device().isPresent()) {
            throw new DeviceGoneException(lease.device().id() + " is gone");
        }
    }

    /// An interrupt of the caller does not end the wait; it is kept for the caller.
    private static boolean lock(ReentrantLock lock, Deadline deadline) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return lock.tryLock(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public boolean retire(Lease passed, Deadline deadline) {
        GrantedLease old = GrantedLease.own(passed);
        if (old.state() != Lease.State.PASSED) {
            throw new IllegalArgumentException(old + " was not passed on");
        }
        if (!old.closeArena(deadline)) {
            return false;
        }
        Holding holding = holdings.get(old.device());
        if (holding != null) {
            synchronized (holding) {
                if (holding.current != null) {
                    holding.current.closed(old);
                }
            }
        }
        return true;
    }

    @Override
    public Optional<Lease> holder(Device device) {
        Holding holding = holdings.get(device);
        if (holding == null) {
            return Optional.empty();
        }
        synchronized (holding) {
            return Optional.ofNullable(holding.current);
        }
    }

    @Override
    public List<Lease> leases() {
        return holdings.keySet().stream().flatMap(d -> holder(d).stream()).toList();
    }
}
