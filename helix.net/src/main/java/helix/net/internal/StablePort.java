package helix.net.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.Deadline;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A port whose owner does not notice that drivers come and go. The platform closes the [PortGate]
/// and says which generation is next; the owner himself takes over its queues, when he next comes
/// by, because the pool of frames is his.
final class StablePort extends PortGate implements Port {
    private static final Logger LOG = LoggerFactory.getLogger(StablePort.class);

    /// Fewer free frames than this, and those that were sent are asked for.
    private static final int FEW_FRAMES = 32;

    /// How often the owner may look at a closed gate before he naps, for one who only polls.
    private static final int CLOSED_POLLS = 64;

    private static final long CLOSED_NAP_NANOS = 50_000;
    private static final long CLOSED_SLEEP_NANOS = 10_000_000;
    private static final long AWAIT_NANOS = 50_000_000;
    private static final long ROOM_NANOS = 200_000;
    private static final long CLOSE_MILLIS = 15_000;
    private static final int SINGLE_ENTRIES = 64;

    /// The next generation.
    ///
    /// @param backend its device
    /// @param epoch tells it from others
    record Next(NetBackend backend, long epoch) {}

    private final StableInterface face;
    private final FramePool pool;
    private final PortOptions options;
    private final NetTally tally;
    private final MonitorList monitors;

    // The owner's.
    private final Burst parked;
    private final Burst single = new Burst(SINGLE_ENTRIES);
    private Burst shadow = new Burst(1);
    private int closedPolls;
    private boolean wantsRoom;

    /// Read by others to wake the owner.
    private volatile @Nullable PortLink link;

    private volatile @Nullable Next next;
    private volatile long takenEpoch = -1;
    private volatile String fault = "";
    private volatile boolean closed;
    private volatile boolean absent;
    private volatile boolean woken;
    private volatile boolean draining;
    private volatile @Nullable Thread sleeper;

    /// Written by the platform while the gate is closed and there is no next generation.
    private PortLink.Handles handles = PortLink.Handles.NONE;

    StablePort(StableInterface face, FramePool pool, PortOptions options) {
        this.face = face;
        this.pool = pool;
        this.options = options;
        tally = face.tally();
        monitors = face.monitors();
        parked = new Burst(options.txDepth());
    }

    @Override
    public FramePool pool() {
        return pool;
    }

    // ---- In

    @Override
    public int receive(Burst burst) {
        if (!goIn()) {
            return 0;
        }
        PortLink now = Objects.requireNonNull(link);
        int from = burst.size();
        RuntimeException failure = null;
        try {
            int some = now.rx().receive(burst);
            if (parked.size() > 0 || pool.available() < FEW_FRAMES) {
                refresh(now.tx());
            } else if (some == 0 && now.tx().inFlight() > 0) {
                // Nothing else to do; and what is not known to be sent counts as lost in a reset.
                refresh(now.tx());
            }
        } catch (RuntimeException | LinkageError e) {
            failure = over(e);
        }
        comeOut(failure);
        int to = burst.size();
        if (to > from) {
            if (!monitors.isEmpty()) {
                monitors.show(false, pool, burst, from, to);
            }
            countReceived(burst, from, to);
        }
        return to - from;
    }

    private void countReceived(Burst burst, int from, int to) {
        long bytes = 0;
        int frames = 0;
        for (int i = from; i < to; i++) {
            bytes += burst.length(i);
            frames += 1 - (burst.flags(i) & Burst.MORE);
        }
        tally.received(frames, bytes);
    }

    // ---- Out

    @Override
    public int send(Burst burst) {
        int size = burst.size();
        if (size == 0) {
            return 0;
        }
        if (!goIn()) {
            return park(burst);
        }
        boolean shown = !monitors.isEmpty();
        if (shown) {
            copyToShadow(burst);
        }
        long bytes = bytes(burst);
        int frames = frames(burst);
        RuntimeException failure = null;
        IllegalArgumentException refused = null;
        try {
            TxQueue tx = Objects.requireNonNull(link).tx();
            if (parked.size() > 0) {
                refresh(tx);
            }
            if (parked.size() == 0) {
                int _ = tx.send(burst);
            }
        } catch (IllegalArgumentException e) {
            refused = e;
        } catch (RuntimeException | LinkageError e) {
            failure = over(e);
        }
        comeOut(failure);
        int taken = size - burst.size();
        wantsRoom = burst.size() > 0;
        if (wantsRoom) {
            bytes -= bytes(burst);
            frames -= frames(burst);
        }
        tally.sent(frames, bytes);
        if (shown) {
            monitors.show(true, pool, shadow, 0, taken);
        }
        if (refused != null) {
            throw refused;
        }
        return taken;
    }

    private void copyToShadow(Burst burst) {
        if (shadow.capacity() < burst.size()) {
            shadow = new Burst(burst.capacity());
        }
        shadow.clear();
        for (int i = 0; i < burst.size(); i++) {
            shadow.add(burst.frame(i), burst.length(i), burst.flags(i));
        }
    }

    private static long bytes(Burst burst) {
        long bytes = 0;
        for (int i = 0; i < burst.size(); i++) {
            bytes += burst.length(i);
        }
        return bytes;
    }

    private static int frames(Burst burst) {
        int frames = 0;
        for (int i = 0; i < burst.size(); i++) {
            frames += 1 - (burst.flags(i) & Burst.MORE);
        }
        return frames;
    }

    /// Keeps frames until a driver is there, whole ones only.
    private int park(Burst burst) {
        if (closed || absent) {
            return 0;
        }
        int taken = 0;
        int frames = 0;
        for (int i = 0; i < burst.size(); i++) {
            if (burst.length(i) < 1 || burst.length(i) > pool.capacity()) {
                throw new IllegalArgumentException(
                        "a frame's piece of " + burst.length(i) + " bytes");
            }
            if ((burst.flags(i) & Burst.MORE) == 0) {
                if (parked.room() < i + 1 - taken) {
                    break;
                }
                for (; taken <= i; taken++) {
                    parked.add(burst.frame(taken), burst.length(taken), burst.flags(taken))
                            .offload(
                                    burst.checksumStart(taken),
                                    burst.checksumOffset(taken),
                                    burst.segmentSize(taken),
                                    burst.headers(taken));
                }
                frames++;
            }
        }
        burst.dropFirst(taken);
        tally.parked(frames);
        wantsRoom = burst.size() > 0;
        return taken;
    }

    /// Sends what waited, and takes back what was sent.
    private void refresh(TxQueue tx) {
        if (parked.size() > 0) {
            sendParked(tx);
        }
        int _ = tx.reclaim();
    }

    private void sendParked(TxQueue tx) {
        int size = parked.size();
        copyToShadow(parked);
        long bytes = bytes(parked);
        int frames = frames(parked);
        try {
            int _ = tx.send(parked);
        } catch (IllegalArgumentException e) {
            LOG.warn("{}: a frame that waited is refused: {}", face.name(), e.getMessage());
            bytes -= parked.length(0);
            frames -= 1;
            dropFirstParked();
        } finally {
            tally.sent(frames - frames(parked), bytes - bytes(parked));
        }
        monitors.show(true, pool, shadow, 0, size - parked.size());
    }

    private void dropFirstParked() {
        boolean more;
        do {
            more = (parked.flags(0) & Burst.MORE) != 0;
            pool.give(parked.frame(0));
            parked.dropFirst(1);
        } while (more && parked.size() > 0);
        tally.dropped(1);
    }

    @Override
    public void drop(Burst burst) {
        tally.dropped(frames(burst));
        giveBack(burst);
    }

    private void giveBack(Burst burst) {
        for (int i = 0; i < burst.size(); i++) {
            pool.give(burst.frame(i));
        }
        burst.clear();
    }

    @Override
    public boolean send(MemorySegment frame) {
        long size = frame.byteSize();
        long pieces = Math.ceilDiv(size, (long) pool.capacity());
        if (size < 1 || pieces > SINGLE_ENTRIES) {
            throw new IllegalArgumentException("a frame of " + size + " bytes");
        }
        if (pool.available() < pieces && goIn()) {
            RuntimeException failure = null;
            try {
                refresh(Objects.requireNonNull(link).tx());
            } catch (RuntimeException | LinkageError e) {
                failure = over(e);
            }
            comeOut(failure);
        }
        if (pool.available() < pieces) {
            tally.dropped(1);
            return false;
        }
        single.clear();
        for (long at = 0; at < size; ) {
            int length = (int) Math.min(size - at, pool.capacity());
            int number = pool.take();
            MemorySegment.copy(frame, at, pool.segment(), pool.at(number), length);
            at += length;
            single.add(number, length, at < size ? Burst.MORE : 0);
        }
        try {
            int _ = send(single);
        } catch (IllegalArgumentException e) {
            giveBack(single);
            throw e;
        }
        if (single.size() > 0) {
            drop(single);
            return false;
        }
        return true;
    }

    // ---- Waiting

    @Override
    public boolean await(long nanos) {
        long end = System.nanoTime() + nanos;
        long left = nanos;
        sleeper = Thread.currentThread();
        try {
            while (left > 0 && !closed && !woken) {
                boolean some = goIn() ? awaitInside(left) : awaitOutside(left);
                if (some) {
                    return true;
                }
                left = end - System.nanoTime();
            }
            return woken;
        } finally {
            sleeper = null;
            woken = false;
        }
    }

    /// With the gate entered.
    private boolean awaitInside(long left) {
        PortLink now = Objects.requireNonNull(link);
        RuntimeException failure = null;
        boolean some = false;
        try {
            if (parked.size() > 0 || wantsRoom) {
                refresh(now.tx());
                if (wantsRoom && now.tx().inFlight() < now.tx().depth()) {
                    wantsRoom = false;
                    some = true;
                }
            }
            if (!some && goAwaiting() && !woken) {
                long most = wantsRoom || parked.size() > 0 ? ROOM_NANOS : AWAIT_NANOS;
                some = now.rx().await(Math.min(left, most));
            }
        } catch (RuntimeException | LinkageError e) {
            failure = over(e);
        }
        comeOut(failure);
        return some;
    }

    /// @return whether there is room now, or the port is over
    private boolean awaitOutside(long left) {
        if (absent) {
            return true;
        }
        if (isGateOpen()) {
            return false;
        }
        LockSupport.parkNanos(this, Math.min(left, CLOSED_SLEEP_NANOS));
        return false;
    }

    @Override
    public void wake() {
        woken = true;
        wakeOwner();
    }

    private void wakeOwner() {
        Thread thread = sleeper;
        if (thread != null) {
            LockSupport.unpark(thread);
            if (hasSleeper()) {
                wakeSleeper();
            }
        }
    }

    @Override
    void wakeSleeper() {
        PortLink now = link;
        if (now == null) {
            return;
        }
        try {
            now.rx().wake();
        } catch (RuntimeException | LinkageError e) {
            LOG.info("{}: the driver fails in wake: {}", face.name(), e.toString());
        }
    }

    // ---- From one generation to the next

    /// Goes into the driver's code, if there is one.
    private boolean goIn() {
        if (enter()) {
            closedPolls = 0;
            return true;
        }
        return comeBy() && enter();
    }

    /// The owner looks in while the gate is closed.
    private boolean comeBy() {
        if (takeOver()) {
            return true;
        }
        if (draining && beginTaking()) {
            try {
                PortLink now = link;
                if (now != null) {
                    int _ = now.tx().reclaim();
                }
            } catch (RuntimeException | LinkageError e) {
                LOG.info("{}: not drained: {}", face.name(), e.toString());
            } finally {
                endTaking();
            }
        }
        if (sleeper == null && ++closedPolls > CLOSED_POLLS) {
            LockSupport.parkNanos(this, CLOSED_NAP_NANOS);
        }
        return false;
    }

    private void comeOut(@Nullable RuntimeException failure) {
        if (failure == null) {
            leave();
        } else {
            leaveClosed();
        }
    }

    /// The generation has failed in its code: frames wait for the next one.
    private RuntimeException over(Throwable e) {
        LOG.warn("{}: the driver fails, waiting for its next generation", face.name(), e);
        return e instanceof RuntimeException r ? r : new IllegalStateException(e);
    }

    /// Takes over queues of the next generation, if there is one that was not asked yet.
    ///
    /// @return whether the gate may be open now
    boolean takeOver() {
        Next wanted = next;
        if (wanted == null || wanted.epoch == takenEpoch || !beginTaking()) {
            return false;
        }
        try {
            wanted = next;
            if (wanted != null && wanted.epoch != takenEpoch) {
                join(wanted);
                takenEpoch = wanted.epoch;
            }
        } finally {
            endTaking();
        }
        face.taken(this);
        return true;
    }

    private void join(Next wanted) {
        PortLink before = link;
        PortLink.Handles by = handles;
        handles = PortLink.Handles.NONE;
        int flying = before == null ? 0 : before.inFlight();
        link = null;
        try {
            PortLink now = PortLink.join(wanted.backend.device(), pool, options, before, by);
            link = now;
            fault = "";
            tally.adopted(now.adopted());
            tally.unknown(Math.max(0, flying - now.adopted()));
        } catch (RuntimeException | LinkageError e) {
            tally.unknown(flying);
            String what = face.name() + ": no queues of " + wanted.backend + ": " + e.getMessage();
            if (e instanceof NetworkException n && n.reason() == Reason.GENERATION_GONE) {
                // It has failed and is about to be replaced: as if there were no driver.
                LOG.info("{}", what);
            } else {
                fault = what;
                LOG.warn("{}", what, e);
            }
        }
    }

    // ---- The platform; with the interface's lock

    /// Keeps the owner out of the driver's code, from a generation that may be handed over.
    boolean park(Deadline deadline) {
        next = null;
        boolean out = close(deadline);
        if (out && handles.equals(PortLink.Handles.NONE)) {
            handles = PortLink.handles(link);
        }
        return out;
    }

    /// Keeps the owner out; there is no driver any more.
    boolean detach(Deadline deadline) {
        next = null;
        return close(deadline);
    }

    /// The next generation is there.
    void attach(NetBackend backend, long epoch, Deadline deadline) {
        boolean _ = close(deadline);
        absent = false;
        next = new Next(backend, epoch);
        wakeOwner();
    }

    /// The device is gone.
    void gone() {
        absent = true;
        wakeOwner();
    }

    /// Lets the owner in if he has taken over a generation's queues.
    void openIfTaken(long epoch) {
        if (takenEpoch == epoch && link != null && !closed) {
            open();
        }
        wakeOwner();
    }

    boolean hasTaken(long epoch) {
        return takenEpoch == epoch;
    }

    /// Why there are no queues, empty if there are or nobody has asked.
    String fault() {
        return fault;
    }

    /// Frames on their way out. The owner is asked to take back what was sent.
    int draining(boolean on) {
        draining = on;
        wakeOwner();
        PortLink now = link;
        return now == null ? 0 : now.inFlight();
    }

    @Override
    public boolean isOpen() {
        return !closed && !absent && fault.isEmpty();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        wakeOwner();
        Deadline deadline = Deadline.afterMillis(CLOSE_MILLIS);
        // Not in the midst of a reload: the queues are being handed over.
        face.closePort(this, deadline);
    }

    /// Ends the queues and gives the memory back, with the gate closed for good.
    void end() {
        PortLink now = link;
        link = null;
        tally.dropped(frames(parked));
        giveBack(parked);
        if (now != null) {
            now.end();
        }
        pool.close();
    }

    /// Whether both queues, if any, move frames.
    boolean isServed() {
        PortLink now = link;
        RxQueue rx = now == null ? null : now.rx();
        return rx != null && rx.isOpen();
    }
}
