package helix.driver.net.virtio;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueue;
import helix.hal.api.Lease;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// What both directions have in common: which frames the device has, and what becomes of them.
///
/// ```
///            lose                 reset confirmed          given back
///   OPEN ───────────▶ LOST ──────────────────────▶ ENDED ───────────▶ OVER
///     └── the device let go of all (closed) ─────────┘        passed on ──▶ OVER
/// ```
///
/// Any thread moves it to LOST or ENDED; frames are given back by the owner alone, since the pool
/// is the owner's.
abstract class DeviceQueue implements NetQueue {
    /// Moves frames.
    static final int OPEN = 0;

    /// The device may still reach the frames, and nothing can be done about it here.
    static final int LOST = 1;

    /// The device reaches the frames no more.
    static final int ENDED = 2;

    /// No frame is this queue's any more.
    static final int OVER = 3;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(DeviceQueue.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /// The virtqueue's number.
    final int index;

    final Adapter adapter;
    final Virtqueue ring;
    final FramePool pool;
    final MemorySegment memory;

    /// The device address of the pool's memory, less what a header has before a frame's data.
    final long headers;

    final int depth;
    final boolean sleeps;
    final boolean passable;

    /// By frame: whether it is this queue's.
    private final boolean[] owned;

    private int ownedCount;

    /// A used buffer was taken from the ring, and is looked at later.
    private boolean stashed;

    private final OwnerWait wait;
    private volatile int state = OPEN;
    private volatile boolean closed;

    /// What a queue is made of.
    ///
    /// @param index the virtqueue's number
    /// @param depth how many frames it holds
    /// @param sleeps whether waiting sleeps
    /// @param passable whether the next generation gives it again
    record Shape(int index, int depth, boolean sleeps, boolean passable) {}

    /// Holds the pool's memory until its frames are given back.
    DeviceQueue(Adapter adapter, Shape shape, FramePool pool) {
        this.adapter = adapter;
        this.index = shape.index();
        this.ring = adapter.ring(shape.index());
        this.depth = shape.depth();
        this.sleeps = shape.sleeps();
        this.passable = shape.passable();
        this.pool = pool;
        memory = pool.segment();
        headers = pool.address(0) - pool.at(0) - NetHeader.BYTES;
        owned = new boolean[pool.count()];
        wait = new OwnerWait(this, sleeps, adapter.interrupts().count() > 0);
        pool.memory().hold();
    }

    /// The device got a frame.
    final void own(int frame) {
        if (!owned[frame]) {
            owned[frame] = true;
            ownedCount++;
        }
    }

    /// A frame is the owner's again.
    final void disown(int frame) {
        owned[frame] = false;
        ownedCount--;
    }

    final boolean owns(int frame) {
        return frame >= 0 && frame < owned.length && owned[frame];
    }

    final int ownedCount() {
        return ownedCount;
    }

    /// What became of the queue.
    final int state() {
        return state;
    }

    final boolean isClosed() {
        return closed;
    }

    // ---- Used buffers

    /// Takes the next used buffer, if there is one.
    final boolean next() {
        if (stashed) {
            stashed = false;
            return true;
        }
        return ring.poll() || checkBroken();
    }

    private boolean checkBroken() {
        if (ring.isBroken()) {
            breakDown(ring.defect());
        }
        return false;
    }

    /// Whether there is something for the owner.
    boolean isReady() {
        if (state != OPEN || stashed) {
            return true;
        }
        try {
            stashed = ring.poll();
            return stashed || ring.isBroken();
        } catch (RuntimeException e) {
            lost(e);
            return true;
        }
    }

    /// Asks for an interrupt.
    ///
    /// @return whether there is something already
    final boolean armed() {
        if (state != OPEN || stashed) {
            return true;
        }
        try {
            return !ring.enableInterrupts() || isReady();
        } catch (RuntimeException e) {
            lost(e);
            return true;
        }
    }

    final void disarm() {
        if (state == OPEN) {
            try {
                ring.disableInterrupts();
            } catch (RuntimeException e) {
                lost(e);
            }
        }
    }

    /// The device broke the rules: nothing that it does counts any more.
    final void breakDown(String defect) {
        lose();
        adapter.broken(index, defect);
    }

    /// What an access to rings or registers ends with when the lease is over; anything else is a
    /// defect of this driver.
    final void lost(RuntimeException e) {
        lose();
        adapter.lost(e);
    }

    // ---- Life

    /// Leaves the queue to what becomes of the lease.
    final void lose() {
        STATE.compareAndSet(this, OPEN, LOST);
    }

    /// The device reaches the frames no more.
    final void end() {
        int now = state;
        while (now < ENDED && !STATE.compareAndSet(this, now, ENDED)) {
            now = state;
        }
    }

    /// The next generation has the frames. Nobody is inside the queue.
    final void passOn() {
        state = OVER;
        pool.memory().drop();
    }

    /// Gives frames back once that can be done: on the owner's thread.
    final void settle() {
        if (state == LOST) {
            Lease.State lease = adapter.leaseState();
            if (lease == Lease.State.RELEASED) {
                end();
            }
        }
        if (state == ENDED) {
            giveBack();
        }
    }

    private void giveBack() {
        for (int frame = 0; frame < owned.length && ownedCount > 0; frame++) {
            if (owned[frame]) {
                disown(frame);
                pool.give(frame);
            }
        }
        forget();
        state = OVER;
        pool.memory().drop();
    }

    /// The frames are given back: nothing of them is known any more.
    abstract void forget();

    /// Comes to rest for the next generation: what was taken from the ring is dealt with.
    abstract void prepareToPass();

    final boolean takeStashed() {
        boolean was = stashed;
        stashed = false;
        return was;
    }

    // ---- NetQueue

    @Override
    public int depth() {
        return depth;
    }

    @Override
    public FramePool pool() {
        return pool;
    }

    @Override
    public boolean await(long nanos) {
        return wait.until(System.nanoTime() + nanos) && state == OPEN;
    }

    @Override
    public void wake() {
        wait.rouse();
    }

    /// From an interrupt.
    final void signal() {
        wait.signal();
    }

    @Override
    public long handle() {
        return passable && state == OPEN && !closed ? index + 1L : 0;
    }

    @Override
    public boolean isOpen() {
        return state == OPEN && !closed;
    }

    /// A second call gives back what the first could not, where the device's reset was not
    /// confirmed then.
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            adapter.close(this);
        }
        settle();
    }
}
