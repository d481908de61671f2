package helix.hal.internal.lease;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.lease.LeaseService;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.dma.DmaBlock;
import helix.hal.internal.pci.PciFunction;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A lease with what was obtained through it. Thread-safe.
public final class GrantedLease implements Lease {
    private static final long CLOSE_PAUSE_NANOS = 1_000_000;

    private final Device device;
    private final HalDevice hardware;
    private final @Nullable GrantedLease parent;
    private final LeaseService.@Nullable ChildReset childReset;
    private final String owner;
    private final long epoch;
    private final Arena arena = Arena.ofShared();
    private final ReentrantLock ending = new ReentrantLock();

    private volatile State state = State.VALID;

    // Guarded by this.
    private final Set<DmaBlock> memory = new HashSet<>();
    private final List<GrantedLease> children = new ArrayList<>();

    /// Other leases whose arenas end with this one's at the latest: of children, where native code
    /// was inside, and of the generations before.
    private final List<GrantedLease> open = new ArrayList<>();

    /// Memory that was passed on and not taken over yet, by device address.
    private final Map<Long, DmaBlock> passedOn = new HashMap<>();

    private boolean childless;
    private boolean passing;
    private @Nullable Fence interrupts;

    /// Of the lease of the hardware itself: which of its leases has the interrupts.
    private @Nullable GrantedLease interruptsOf;

    /// Interrupts that were passed on and not taken over yet.
    private @Nullable Fence passedOnInterrupts;

    private boolean tookInterrupts;

    /// Guarded by `ending`.
    private LeaseService.@Nullable Release report;

    /// A lease of a device of the HAL.
    GrantedLease(HalDevice device, String owner, long epoch) {
        this(device, device, null, null, owner, epoch);
    }

    private GrantedLease(
            Device device,
            HalDevice hardware,
            @Nullable GrantedLease parent,
            LeaseService.@Nullable ChildReset childReset,
            String owner,
            long epoch) {
        this.device = device;
        this.hardware = hardware;
        this.parent = parent;
        this.childReset = childReset;
        this.owner = owner;
        this.epoch = epoch;
    }

    /// The HAL's own view of a lease that somebody presents.
    ///
    /// @throws LeaseRevokedException if it is over
    public static GrantedLease valid(Lease lease, String wanted) {
        GrantedLease granted = own(lease);
        granted.requireValid(wanted);
        return granted;
    }

    static GrantedLease own(Lease lease) {
        if (lease instanceof GrantedLease granted) {
            return granted;
        }
        throw new IllegalArgumentException("not a lease of this HAL: " + lease);
    }

    /// The PCI function that a lease is for: what belongs to the function as a whole, such as its
    /// config space, is not a child's.
    ///
    /// @throws DeviceException if it is for another kind of device
    public PciFunction function(String wanted) {
        if (device instanceof PciFunction function) {
            return function;
        }
        throw new DeviceException(wanted + ": " + device.id() + " is no PCI function");
    }

    /// The PCI function whose registers and interrupts a lease reaches: its own, or for a child the
    /// one that it is behind.
    ///
    /// @throws DeviceException if there is none
    public PciFunction reachedFunction(String wanted) {
        if (hardware instanceof PciFunction function) {
            return function;
        }
        throw new DeviceException(wanted + ": " + device.id() + " is on no PCI function");
    }

    private void requireValid(String wanted) {
        if (state != State.VALID) {
            throw new LeaseRevokedException(wanted, this);
        }
    }

    /// The device of the HAL whose hardware this lease reaches: its own, or its parent's.
    public HalDevice hardware() {
        return hardware;
    }

    /// The life time of everything that is mapped for this lease.
    public Arena arena() {
        return arena;
    }

    /// Counts memory as this lease's own.
    public synchronized void attach(DmaBlock block) {
        requireValid("DMA memory");
        memory.add(block);
    }

    /// The holder closed memory of its own. Once the lease is revoked that is for the release to
    /// do, after the reset.
    public void giveBack(DmaBlock block) {
        boolean ours;
        synchronized (this) {
            ours = state == State.VALID && memory.remove(block);
        }
        // That waits for the device, and whoever revokes this lease does not wait for it.
        if (ours) {
            block.release();
        }
    }

    /// Remembers what dispatches the device's interrupts.
    ///
    /// @throws DeviceException if there is one already
    public synchronized void attach(Fence vectors) {
        requireValid("interrupt vectors");
        requireStaying("interrupt vectors");
        if (interrupts != null) {
            throw new DeviceException(owner + " holds interrupt vectors already");
        }
        interrupts = vectors;
    }

    /// Forgets them.
    public void detach(Fence vectors) {
        synchronized (this) {
            if (!vectors.equals(interrupts)) {
                return;
            }
            interrupts = null;
        }
        disclaimInterrupts();
    }

    /// Makes the hardware's interrupts this lease's own before they are set up. A function has one
    /// set of vectors, whether its own holder has it or that of a device behind it.
    ///
    /// @throws DeviceException if a lease of this hardware has them already, naming it
    public void claimInterrupts() {
        GrantedLease root = root();
        synchronized (root) {
            GrantedLease holder = root.interruptsOf;
            if (holder != null) {
                throw new DeviceException(holder.owner() + " holds interrupt vectors already");
            }
            root.interruptsOf = this;
        }
    }

    /// Ends [#claimInterrupts].
    public void disclaimInterrupts() {
        moveInterrupts(null);
    }

    private void moveInterrupts(@Nullable GrantedLease next) {
        GrantedLease root = root();
        synchronized (root) {
            if (equals(root.interruptsOf)) {
                root.interruptsOf = next;
            }
        }
    }

    private GrantedLease root() {
        GrantedLease root = this;
        for (GrantedLease above = parent; above != null; above = above.parent) {
            root = above;
        }
        return root;
    }

    /// Takes over memory that was passed on.
    ///
    /// @throws DeviceException if none begins at that address, or it was taken over already
    public synchronized DmaBlock takeOver(long address) {
        requireValid("DMA memory");
        DmaBlock block = passedOn.remove(address);
        if (block == null) {
            throw new DeviceException(
                    "%s: no memory that was passed on begins at 0x%x, or it was taken over already"
                            .formatted(owner, address));
        }
        return block;
    }

    /// Takes over interrupts that were passed on.
    ///
    /// @return null if there were none
    /// @throws DeviceException if they were taken over already
    public synchronized @Nullable Fence takeOverInterrupts() {
        requireValid("interrupt vectors");
        if (tookInterrupts) {
            throw new DeviceException(owner + " took the interrupt vectors over already");
        }
        Fence fence = passedOnInterrupts;
        tookInterrupts = fence != null;
        passedOnInterrupts = null;
        return fence;
    }

    /// The bytes of DMA memory that are this lease's own.
    public synchronized long bytes() {
        return memory.stream().mapToLong(DmaBlock::reservedBytes).sum();
    }

    synchronized GrantedLease addChild(
            Device child, String name, LeaseService.ChildReset reset, long childEpoch) {
        requireValid("a child lease of " + child.id());
        if (childless) {
            throw new DeviceException(
                    owner + " is being released: no child lease of " + child.id());
        }
        requireStaying("a child lease of " + child.id());
        GrantedLease lease = new GrantedLease(child, hardware, this, reset, name, childEpoch);
        children.add(lease);
        return lease;
    }

    /// All children there will ever be, the youngest first: from now on new ones are refused, so
    /// that none outlives its parent.
    synchronized List<GrantedLease> lastChildren() {
        childless = true;
        return children.reversed().stream().toList();
    }

    synchronized void removeChild(GrantedLease child) {
        children.remove(child);
    }

    private void requireStaying(String wanted) {
        if (passing) {
            throw new DeviceException(owner + " is being passed on: no " + wanted);
        }
    }

    /// From now on nothing is added that would have to stop first.
    ///
    /// @return what dispatches the device's interrupts
    synchronized @Nullable Fence beginPassing() {
        requireValid("passing it on");
        if (!children.isEmpty()) {
            throw new DeviceException(
                    "%s has child leases and cannot be passed on: %s"
                            .formatted(owner, children.stream().map(Lease::owner).toList()));
        }
        passing = true;
        return interrupts;
    }

    /// Ends [#beginPassing], whether or not it came to that.
    synchronized void endPassing() {
        passing = false;
    }

    /// Leaves everything to the next lease, which nobody else knows yet. A child's takes its place
    /// with the parent in the same step: whoever ends the parent finds one of both, and whole.
    ///
    /// @throws DeviceException if the parent is ending; everything is as before then
    GrantedLease handOver(String name, long nextEpoch) {
        GrantedLease above = parent;
        GrantedLease next = new GrantedLease(device, hardware, above, childReset, name, nextEpoch);
        if (above == null) {
            leaveTo(next);
            return next;
        }
        synchronized (above) {
            above.requireValid("passing on a child lease of " + device.id());
            if (above.childless) {
                throw new DeviceException(
                        "%s is being released: %s is not passed on"
                                .formatted(above.owner(), owner));
            }
            leaveTo(next);
            above.children.set(above.children.indexOf(this), next);
        }
        return next;
    }

    private synchronized void leaveTo(GrantedLease next) {
        Fence fence = interrupts == null ? null : interrupts.next(next);
        moveInterrupts(fence == null ? null : next);
        next.inherit(memory, fence, open);
        state = State.PASSED;
        next.leave(this);
        memory.clear();
        passedOn.clear();
        open.clear();
        interrupts = null;
        passedOnInterrupts = null;
    }

    private synchronized void inherit(
            Set<DmaBlock> blocks, @Nullable Fence fence, List<GrantedLease> arenas) {
        memory.addAll(blocks);
        blocks.forEach(b -> passedOn.put(b.address(), b));
        interrupts = fence;
        passedOnInterrupts = fence;
        if (parent == null) {
            interruptsOf = fence == null ? null : this;
        }
        open.addAll(arenas);
    }

    @Nullable GrantedLease parent() {
        return parent;
    }

    LeaseService.@Nullable ChildReset childReset() {
        return childReset;
    }

    ReentrantLock ending() {
        return ending;
    }

    LeaseService.@Nullable Release report() {
        return report;
    }

    void report(LeaseService.Release release) {
        report = release;
    }

    /// From now on every call with this lease throws.
    synchronized void revoke() {
        state = State.REVOKED;
    }

    synchronized void end(boolean clean) {
        state = clean ? State.RELEASED : State.QUARANTINED;
    }

    /// Ends interrupt dispatch.
    boolean stopInterrupts(Deadline deadline) {
        Fence vectors;
        synchronized (this) {
            vectors = interrupts;
        }
        boolean stopped = vectors == null || vectors.stop(deadline);
        // Also of a handler that does not return: it is called no more, and the device is told.
        disclaimInterrupts();
        return stopped;
    }

    synchronized List<DmaBlock> takeMemory() {
        List<DmaBlock> all = List.copyOf(memory);
        memory.clear();
        return all;
    }

    /// Leaves an arena that is not closed to this lease.
    synchronized void leave(GrantedLease other) {
        open.add(other);
    }

    private synchronized List<GrantedLease> leftOpen() {
        return List.copyOf(open);
    }

    /// Forgets an arena that is closed.
    synchronized void closed(GrantedLease other) {
        open.remove(other);
    }

    /// Closes the arena, and what others left open, so that mapped registers and memory throw.
    /// Refused by the JVM while a native call is inside a segment of it, so tried until the
    /// deadline, and once at least.
    boolean closeArena(Deadline deadline) {
        boolean closed = closeOwnArena(deadline);
        for (GrantedLease other : leftOpen()) {
            if (other.closeArena(deadline)) {
                closed(other);
            } else {
                closed = false;
            }
        }
        return closed;
    }

    private boolean closeOwnArena(Deadline deadline) {
        while (true) {
            try {
                arena.close();
                return true;
            } catch (IllegalStateException e) {
                if (!arena.scope().isAlive()) {
                    return true;
                }
                if (deadline.isExpired()) {
                    return false;
                }
                LockSupport.parkNanos(CLOSE_PAUSE_NANOS);
            }
        }
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

    @Override
    public String toString() {
        return owner + " (" + state + ")";
    }
}
