package helix.net.tap.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.tap.TapBridges.Bridge;
import helix.net.api.tap.TapBridges.Counters;
import helix.posix.PollSet;
import helix.posix.PosixException;
import helix.posix.TapDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Moves frames between a port and a TAP device, in bursts, straight between the pool's memory and
/// the kernel. One thread moves; another only waits for the kernel, and wakes the first.
final class PortBridge implements Bridge {
    private static final Logger LOG = LoggerFactory.getLogger(PortBridge.class);

    private static final int BURST = 64;
    private static final int MOST_FRAME = 64 * 1024;
    private static final int IDLE_TURNS = 20;
    private static final long AWAIT_NANOS = 100_000_000;
    private static final long POLL_MILLIS = 100;
    private static final long JOIN_MILLIS = 5_000;

    private static final int TO_TAP = 0;
    private static final int FROM_TAP = 1;
    private static final int DROPPED = 2;

    private final NetworkInterface of;
    private final Port port;
    private final TapDevice tap;
    private final Consumer<PortBridge> ended;
    private final AtomicLongArray counts = new AtomicLongArray(3);
    private final AtomicBoolean closing = new AtomicBoolean();
    private final Thread mover;
    private final Thread waiter;

    /// The kernel has frames; set by the waiter, taken back by the mover.
    private volatile boolean readable = true;

    private volatile boolean moving = true;

    // The mover's.
    private final Burst in = new Burst(BURST);
    private final Burst out = new Burst(BURST);
    private final MemorySegment assembly = Arena.ofAuto().allocate(MOST_FRAME);
    private int assembled;

    PortBridge(NetworkInterface of, Port port, TapDevice tap, Consumer<PortBridge> ended) {
        this.of = of;
        this.port = port;
        this.tap = tap;
        this.ended = ended;
        mover = Thread.ofPlatform().daemon().name("helix-tap-" + tap.name()).unstarted(this::move);
        waiter =
                Thread.ofPlatform()
                        .daemon()
                        .name("helix-tap-" + tap.name() + "-wait")
                        .unstarted(this::awaitKernel);
    }

    void start() {
        mover.start();
        waiter.start();
    }

    private void add(int which, long amount) {
        counts.setOpaque(which, counts.getPlain(which) + amount);
    }

    private void move() {
        try {
            int idle = 0;
            while (!closing.get()) {
                boolean received = toTap();
                boolean sent = fromTap();
                idle = received || sent ? 0 : idle + 1;
                if (idle > IDLE_TURNS) {
                    // Frames of the kernel's that found no room are tried again soon.
                    boolean _ = port.await(out.size() > 0 ? 1_000_000 : AWAIT_NANOS);
                }
            }
        } catch (PosixException e) {
            LOG.warn("the bridge of {} to {} ends: {}", of.name(), tap.name(), e.getMessage(), e);
        } finally {
            port.drop(out);
            moving = false;
        }
    }

    private boolean toTap() {
        if (port.receive(in) == 0) {
            return false;
        }
        FramePool pool = port.pool();
        for (int i = 0; i < in.size(); i++) {
            int frame = in.frame(i);
            int length = in.length(i);
            boolean more = (in.flags(i) & Burst.MORE) != 0;
            if (!more && assembled == 0) {
                count(tap.write(pool.segment(), pool.at(frame), length));
            } else {
                assemble(pool, frame, length, more);
            }
            pool.give(frame);
        }
        in.clear();
        return true;
    }

    /// A frame in several pieces is one write.
    private void assemble(FramePool pool, int frame, int length, boolean more) {
        if (assembled + length <= MOST_FRAME) {
            MemorySegment.copy(pool.segment(), pool.at(frame), assembly, assembled, length);
        }
        assembled += length;
        if (!more) {
            count(assembled <= MOST_FRAME && tap.write(assembly, 0, assembled));
            assembled = 0;
        }
    }

    private void count(boolean taken) {
        add(taken ? TO_TAP : DROPPED, 1);
    }

    private boolean fromTap() {
        if (readable) {
            fill();
        }
        int waiting = out.size();
        if (waiting == 0) {
            return false;
        }
        int taken = port.send(out);
        add(FROM_TAP, taken);
        if (out.size() > 0 && !port.isOpen()) {
            add(DROPPED, out.size());
            port.drop(out);
        }
        return taken > 0;
    }

    private void fill() {
        FramePool pool = port.pool();
        while (out.room() > 0) {
            int frame = pool.take();
            if (frame < 0) {
                return;
            }
            int length = tap.read(pool.segment(), pool.at(frame), pool.capacity());
            if (length <= 0) {
                pool.give(frame);
                readable = false;
                LockSupport.unpark(waiter);
                return;
            }
            out.add(frame, length, 0);
        }
    }

    private void awaitKernel() {
        PollSet set = new PollSet(1);
        int _ = set.add(tap.fd());
        while (!closing.get() && moving) {
            if (readable) {
                LockSupport.parkNanos(this, AWAIT_NANOS);
            } else if (set.await(POLL_MILLIS) > 0) {
                readable = true;
                port.wake();
            }
        }
    }

    @Override
    public NetworkInterface of() {
        return of;
    }

    @Override
    public String tap() {
        return tap.name();
    }

    @Override
    public Counters counters() {
        return new Counters(
                counts.getOpaque(TO_TAP), counts.getOpaque(FROM_TAP), counts.getOpaque(DROPPED));
    }

    @Override
    public boolean isOpen() {
        return moving && !closing.get();
    }

    @Override
    public void close() {
        if (closing.getAndSet(true)) {
            return;
        }
        ended.accept(this);
        port.wake();
        LockSupport.unpark(waiter);
        try {
            mover.join(JOIN_MILLIS);
            waiter.join(JOIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (mover.isAlive() || waiter.isAlive()) {
            // The descriptor's number must not become another's while they use it.
            LOG.warn("the bridge of {} to {} does not end", of.name(), tap.name());
            return;
        }
        port.close();
        tap.close();
    }
}
