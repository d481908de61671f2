package helix.hal.internal.irq;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.InterruptHandler;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.LeaseRevokedException;
import helix.hal.internal.lease.Fence;
import helix.hal.internal.lease.GrantedLease;
import helix.posix.EventFd;
import helix.posix.PollSet;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/// A lease's interrupt vectors and the thread that dispatches them.
///
/// Each vector has a latch that is set by whatever says that its interrupt came (its eventfd, its
/// device when asked, [#raise]) and cleared before the handler is called; a masked vector keeps its
/// latch. So an interrupt that comes while its handler runs leads to another call.
///
/// Where the lease is passed on, the thread leaves and everything else stays for the next lease's
/// object: signals, descriptors and what came. The device does not notice.
final class Vectors implements IrqVectors, Fence {
    /// How long nothing may come before the device is asked.
    static final long IDLE_MILLIS = 1_000;

    private static final Logger LOG = LoggerFactory.getLogger(Vectors.class);
    private static final long CLOSE_MILLIS = 5_000;
    private static final long SECOND_NANOS = 1_000_000_000;

    /// How often a line may still be up after its handler before it counts as stuck.
    private static final int MAX_REPEATS = 10_000;

    private final GrantedLease lease;
    private final Signals signals;
    private final InterruptReports reports;
    private final long stormLimit;
    private final Vector[] vectors;
    private final PollSet poll;
    private final EventFd control;
    private final Thread thread;
    private final AtomicLong storms = new AtomicLong();

    /// Who answers for signals and descriptors.
    private enum Ownership {
        /// Nobody dispatches; they are this object's.
        IDLE,
        /// The thread gives them back when it ends.
        DISPATCHED,
        /// The thread leaves them behind when it ends.
        LEAVING,
        /// Given back, or the next lease's.
        GIVEN
    }

    // Guarded by this.
    private Ownership ownership = Ownership.IDLE;
    private boolean disabled;

    private volatile boolean stopping;

    /// Set to have the device asked what is pending.
    private volatile boolean look;

    /// One vector. Fields without `volatile` are the dispatching thread's.
    private static final class Vector {
        final EventFd event;
        final AtomicBoolean latch = new AtomicBoolean();
        volatile @Nullable InterruptHandler handler;
        volatile boolean masked = true;

        /// Whether the next call is due whatever the device says.
        final AtomicBoolean raised = new AtomicBoolean();

        final AtomicLong delivered = new AtomicLong();

        /// When the call that runs now began; 0 if none does.
        volatile long running;

        volatile boolean reported;
        int pollIndex;
        int repeats;
        long windowStart;
        long windowCount;

        Vector(EventFd event) {
            this.event = event;
        }
    }

    /// Not dispatching yet.
    Vectors(GrantedLease lease, Signals signals, InterruptReports reports, long stormLimit) {
        this.lease = lease;
        this.signals = signals;
        this.reports = reports;
        this.stormLimit = stormLimit;
        this.control = EventFd.create();
        this.vectors = new Vector[signals.count()];
        this.poll = new PollSet(vectors.length + 1);
        poll.add(control.fd());
        for (int i = 0; i < vectors.length; i++) {
            vectors[i] = new Vector(EventFd.borrowed(signals.eventFd(i)));
            vectors[i].pollIndex = poll.add(signals.eventFd(i));
        }
        this.thread = unstarted(lease);
    }

    /// What another left, for the next lease.
    private Vectors(GrantedLease lease, Vectors last) {
        this.lease = lease;
        this.signals = last.signals;
        this.reports = last.reports;
        this.stormLimit = last.stormLimit;
        this.control = last.control;
        this.poll = last.poll;
        this.vectors = new Vector[last.vectors.length];
        for (int i = 0; i < vectors.length; i++) {
            Vector v = new Vector(last.vectors[i].event);
            v.pollIndex = last.vectors[i].pollIndex;
            // What woke the last handler may have been work for the next one.
            v.latch.set(true);
            v.raised.set(true);
            vectors[i] = v;
        }
        this.thread = unstarted(lease);
    }

    private Thread unstarted(GrantedLease holder) {
        return Thread.ofPlatform().daemon().name("irq " + holder.owner()).unstarted(this::run);
    }

    /// Begins to dispatch.
    ///
    /// @throws LeaseRevokedException if it was stopped already
    synchronized void start() {
        if (ownership != Ownership.IDLE || stopping) {
            throw new LeaseRevokedException("interrupt vectors", lease);
        }
        thread.start();
        ownership = Ownership.DISPATCHED;
    }

    Signals signals() {
        return signals;
    }

    GrantedLease lease() {
        return lease;
    }

    @Override
    public IrqKind kind() {
        return signals.kind();
    }

    @Override
    public int count() {
        return vectors.length;
    }

    @Override
    public void handler(int vector, InterruptHandler handler) {
        vector(vector).handler = handler;
        unmask(vector);
    }

    @Override
    public void mask(int vector) {
        vector(vector).masked = true;
        signals.mask(vector);
    }

    @Override
    public void unmask(int vector) {
        Vector v = vector(vector);
        v.masked = false;
        signals.unmask(vector);
        if (signals instanceof LineSignals) {
            // The line may have gone up unheard while the device was masked.
            look();
        } else if (v.latch.get()) {
            control.signal();
        }
    }

    @Override
    public void raise(int vector) {
        Vector v = vector(vector);
        v.raised.set(true);
        v.latch.set(true);
        control.signal();
    }

    @Override
    public long delivered(int vector) {
        return vectors[vector].delivered.get();
    }

    @Override
    public long storms() {
        return storms.get();
    }

    private Vector vector(int index) {
        if (stopping || !lease.isValid()) {
            throw new LeaseRevokedException("interrupt vector " + index, lease);
        }
        return vectors[index];
    }

    /// Has the device asked what is pending, because a line that it shares is up.
    void look() {
        look = true;
        control.signal();
    }

    /// Reports handlers that have been running for too long. Called now and then.
    void watch(long limitNanos) {
        for (int i = 0; i < vectors.length; i++) {
            Vector v = vectors[i];
            long began = v.running;
            long nanos = System.nanoTime() - began;
            if (began != 0 && nanos > limitNanos && !v.reported) {
                v.reported = true;
                reports.stuck(lease, i, Duration.ofNanos(nanos));
            }
        }
    }

    private void run() {
        MDC.put("device", lease.device().id());
        MDC.put("module", lease.owner());
        try {
            int fruitless = 0;
            while (!stopping) {
                poll.await(patience());
                boolean useful = collect();
                // A descriptor that is ready and yields nothing must not make this thread spin.
                fruitless = useful ? 0 : fruitless + 1;
                if (fruitless > 100) {
                    LockSupport.parkNanos(1_000_000);
                }
                for (int i = 0; i < vectors.length; i++) {
                    dispatch(i);
                }
            }
        } finally {
            end();
            reports.ended(this);
        }
    }

    private synchronized void end() {
        if (ownership == Ownership.LEAVING) {
            ownership = Ownership.IDLE;
        } else {
            giveBack();
        }
    }

    /// Gives signals and descriptors back. The device is told before: what it raises later would be
    /// somebody else's interrupt.
    private synchronized void giveBack() {
        disable();
        ownership = Ownership.GIVEN;
        control.close();
        signals.release();
    }

    private synchronized void disable() {
        if (!disabled && lease.hardware().isPresent()) {
            try {
                signals.disable();
            } catch (DeviceException e) {
                LOG.warn("{}: interrupts could not be disabled: {}", lease.owner(), e.getMessage());
            }
        }
        disabled = true;
    }

    private long patience() {
        for (Vector v : vectors) {
            if (v.latch.get() && !v.masked && v.handler != null) {
                return 0;
            }
        }
        return signals.pollMillis();
    }

    /// Sets the latches of what came.
    ///
    /// @return whether it was worth waking up
    private boolean collect() {
        boolean useful = poll.isReady(0) && control.drain() > 0;
        boolean any = useful;
        for (Vector v : vectors) {
            if (poll.isReady(v.pollIndex)) {
                any = true;
                if (v.event.drain() > 0) {
                    useful = true;
                    v.latch.set(true);
                }
            }
        }
        if (look || !any) {
            look = false;
            askDevice();
        }
        return useful || !any;
    }

    private void askDevice() {
        try {
            for (int i = 0; i < vectors.length; i++) {
                Vector v = vectors[i];
                if (!v.masked && (v.raised.get() || signals.isPending(i))) {
                    v.latch.set(true);
                }
            }
        } catch (DeviceException e) {
            LOG.debug("{}: pending interrupts unknown: {}", lease.owner(), e.getMessage());
        }
    }

    private void dispatch(int index) {
        Vector v = vectors[index];
        InterruptHandler handler = v.handler;
        if (stopping || v.masked || handler == null || !v.latch.getAndSet(false)) {
            return;
        }
        try {
            boolean wanted = signals.begin(index);
            // After the device was asked: if it does not answer, the call stays due.
            boolean raised = v.raised.getAndSet(false);
            if (!wanted && !raised) {
                return;
            }
            call(index, v, handler);
            boolean again = signals.end(index);
            v.repeats = again ? v.repeats + 1 : 0;
            if (again) {
                v.latch.set(true);
            }
            if (signals instanceof LineSignals lines && lines.isRaised()) {
                reports.lineStillUp(this);
            }
        } catch (DeviceException e) {
            LOG.debug("{}: interrupt {}: {}", lease.owner(), index, e.getMessage());
        }
        checkStorm(index, v);
    }

    private void call(int index, Vector v, InterruptHandler handler) {
        v.running = Math.max(1, System.nanoTime());
        try {
            handler.interrupt(index);
        } catch (Exception | Error e) {
            // A driver may throw anything; that its lease has just ended is nobody's fault.
            if (lease.isValid() && !stopping) {
                LOG.error("{}: the handler of interrupt {} threw", lease.owner(), index, e);
                reports.failed(lease, index, e);
            }
        } finally {
            v.delivered.incrementAndGet();
            v.running = 0;
            v.reported = false;
        }
    }

    private void checkStorm(int index, Vector v) {
        long now = System.nanoTime();
        if (now - v.windowStart > SECOND_NANOS) {
            v.windowStart = now;
            v.windowCount = 0;
        }
        v.windowCount++;
        String reason = null;
        if (v.windowCount > stormLimit) {
            reason = "more than " + stormLimit + " interrupts within a second";
        } else if (v.repeats > MAX_REPEATS) {
            reason = "the line is still up after " + MAX_REPEATS + " calls of the handler";
        }
        if (reason != null) {
            v.windowCount = 0;
            v.repeats = 0;
            v.masked = true;
            storms.incrementAndGet();
            try {
                signals.mask(index);
            } catch (DeviceException e) {
                LOG.debug("{}: {}", lease.owner(), e.getMessage());
            }
            LOG.error("{}: interrupt {} masked: {}", lease.owner(), index, reason);
            reports.storm(lease, index, reason);
        }
    }

    @Override
    public boolean stop(Deadline deadline) {
        stopping = true;
        synchronized (this) {
            disable();
        }
        control.signal();
        if (thread.equals(Thread.currentThread())) {
            return true;
        }
        boolean ended = join(deadline);
        if (ended) {
            synchronized (this) {
                // Nobody dispatches, and no next lease took them.
                if (ownership == Ownership.IDLE) {
                    giveBack();
                }
            }
            lease.detach(this);
        }
        return ended;
    }

    @Override
    public boolean halt(Deadline deadline) {
        if (thread.equals(Thread.currentThread())) {
            throw new IllegalStateException(
                    lease.owner() + " cannot be passed on from its own interrupt handler");
        }
        synchronized (this) {
            stopping = true;
            if (ownership == Ownership.DISPATCHED) {
                ownership = Ownership.LEAVING;
            }
        }
        control.signal();
        if (join(deadline)) {
            return true;
        }
        synchronized (this) {
            if (ownership != Ownership.LEAVING) {
                return true;
            }
            ownership = Ownership.DISPATCHED;
            disable();
        }
        return false;
    }

    @Override
    public synchronized @Nullable Fence next(GrantedLease next) {
        if (ownership != Ownership.IDLE || disabled) {
            return null;
        }
        ownership = Ownership.GIVEN;
        // What the last holder does to its object must not reach the device any more.
        disabled = true;
        return new Vectors(next, this);
    }

    /// An interrupt of the caller does not end the wait; it is kept for the caller.
    private boolean join(Deadline deadline) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    long nanos = deadline.remainingNanos();
                    TimeUnit.NANOSECONDS.timedJoin(thread, Math.max(1, nanos));
                    return !thread.isAlive();
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
    public void close() {
        if (!stop(Deadline.afterMillis(CLOSE_MILLIS))) {
            throw new DeviceTimeoutException(
                    "%s: an interrupt handler has not returned within %d ms"
                            .formatted(lease.owner(), CLOSE_MILLIS));
        }
    }
}
