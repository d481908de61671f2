package helix.driver.block.virtio;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.LeaseRevokedException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A client's queue: its side of a [Ring]. One thread at a time, the owner, submits and polls; it
/// is always the owner who ends requests, in [#poll].
///
/// On a device with one virtqueue a client and the plain calls share it under a lock; else there is
/// no lock.
final class ClientQueue implements BlockQueue {
    private static final long NAP_NANOS = 5_000_000;

    /// How long a queue that is closed waits for its requests before they are aborted, where the
    /// device can do that.
    private static final long PATIENCE_NANOS = 500_000_000;

    final Ring ring;
    final int side;
    final QueueLife life;
    final boolean sleeps;

    private final BlkDevice device;
    private final BlkDisk disk;
    private final BlockLimits limits;
    private final int blockShift;
    private final long handle;
    private final @Nullable ReentrantLock lock;
    private final Ended ended;
    private final OwnerWait wait;
    private final ScatterList single = new ScatterList(1);
    private @Nullable Object pool;

    /// Makes a queue.
    ///
    /// @param side which of the ring's clients it is
    /// @param handle what its client takes it over by in the next generation, 0 for not at all
    /// @param sleeps whether waiting sleeps, as for interrupts, or spins
    /// @param lock guards the ring if it is shared
    ClientQueue(
            BlkDevice device,
            BlkDisk disk,
            Ring ring,
            int side,
            int depth,
            long handle,
            boolean sleeps,
            @Nullable ReentrantLock lock) {
        this.device = device;
        this.disk = disk;
        this.ring = ring;
        this.side = side;
        this.handle = handle;
        this.sleeps = sleeps;
        this.lock = lock;
        limits = disk.limits();
        blockShift = disk.blockShift();
        life = new QueueLife(device.hal());
        ended = new Ended(depth);
        wait = new OwnerWait(this, sleeps, device.interrupts().count() > 0);
    }

    private void enter() {
        if (lock != null) {
            lock.lock();
        }
    }

    private void leave() {
        if (lock != null) {
            lock.unlock();
        }
    }

    @Override
    public int depth() {
        return ended.depth();
    }

    @Override
    public int inFlight() {
        return ended.inFlight();
    }

    @Override
    public long handle() {
        return handle;
    }

    @Override
    public boolean isOpen() {
        return life.state() == QueueLife.OPEN;
    }

    // ---- Submission

    @Override
    public boolean submit(
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset,
            int tag) {
        if (op == BlockOp.FLUSH || op == BlockOp.DISCARD || op == BlockOp.WRITE_ZEROES) {
            return submitWithoutData(op, flags, lba, blocks, tag);
        }
        if (op != BlockOp.READ && op != BlockOp.WRITE && op != BlockOp.COMPARE) {
            throw new IllegalArgumentException("no operation " + op);
        }
        if (buffer == null) {
            throw new IllegalArgumentException(BlockOp.name(op) + " without memory");
        }
        long bytes = (long) blocks << blockShift;
        if (bytes <= 0 || offset < 0 || bytes > buffer.size() - offset) {
            throw new IllegalArgumentException(
                    "%d blocks at offset %d of %s".formatted(blocks, offset, buffer));
        }
        single.clear().add(buffer, offset, bytes);
        return submit(op, flags, lba, blocks, single, tag);
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        check(op, flags, lba, blocks, list);
        enter();
        try {
            if (!accepts()) {
                return false;
            }
            int refusal = refusal(op, lba, blocks);
            if (refusal != BlockStatus.OK) {
                endNow(tag, refusal);
                return true;
            }
            boolean flush = isFlushed(op, flags);
            if (ring.transfer(side, op, sector(lba), list, tag, flush)) {
                ended.accept();
                return true;
            }
            return false;
        } catch (IllegalStateException e) {
            return lostWhileSubmitting(e);
        } finally {
            leave();
        }
    }

    private boolean submitWithoutData(int op, int flags, long lba, int blocks, int tag) {
        checkWithoutData(op, flags, lba, blocks);
        enter();
        try {
            if (!accepts()) {
                return false;
            }
            int refusal = op == BlockOp.FLUSH ? BlockStatus.OK : refusal(op, lba, blocks);
            boolean nothingToDo = op == BlockOp.FLUSH && !device.config().has(Blk.F_FLUSH);
            if (refusal != BlockStatus.OK || nothingToDo) {
                endNow(tag, refusal);
                return true;
            }
            if (put(op, flags, lba, blocks, tag)) {
                ended.accept();
                return true;
            }
            return false;
        } catch (IllegalStateException e) {
            return lostWhileSubmitting(e);
        } finally {
            leave();
        }
    }

    private boolean put(int op, int flags, long lba, int blocks, int tag) {
        if (op == BlockOp.FLUSH) {
            return ring.flush(side, tag);
        }
        int type = op == BlockOp.DISCARD ? Blk.T_DISCARD : Blk.T_WRITE_ZEROES;
        int sectors = blocks << (blockShift - Blk.SECTOR_SHIFT);
        return ring.range(side, type, sector(lba), sectors, tag, isFlushed(op, flags));
    }

    private long sector(long lba) {
        return lba << (blockShift - Blk.SECTOR_SHIFT);
    }

    /// Whether a flush has to make the request durable: the device knows no FUA.
    private boolean isFlushed(int op, int flags) {
        return (flags & BlockOp.FUA) != 0
                && (op == BlockOp.WRITE || op == BlockOp.WRITE_ZEROES)
                && limits.volatileCache();
    }

    /// What a request ends with at once, OK if it goes to the device.
    private int refusal(int op, long lba, int blocks) {
        if (!limits.supports(op)) {
            return BlockStatus.UNSUPPORTED;
        }
        if (op != BlockOp.READ && device.config().isReadOnly()) {
            return BlockStatus.READ_ONLY;
        }
        long total = disk.totalBlocks();
        return lba > total - blocks ? BlockStatus.OUT_OF_RANGE : BlockStatus.OK;
    }

    private void endNow(int tag, int status) {
        ended.accept();
        ended.add(tag, status);
    }

    private boolean accepts() {
        return life.state() == QueueLife.OPEN && ended.inFlight() < ended.depth();
    }

    private void check(int op, int flags, long lba, int blocks, ScatterList list) {
        if (op != BlockOp.READ && op != BlockOp.WRITE && op != BlockOp.COMPARE) {
            throw new IllegalArgumentException(BlockOp.name(op) + " takes no memory");
        }
        long bytes = (long) blocks << blockShift;
        if (blocks < 1
                || lba < 0
                || (flags & ~BlockOp.FUA) != 0
                || bytes > limits.maxTransferBytes()
                || bytes != list.bytes()
                || list.size() > limits.maxSegments()) {
            throw new IllegalArgumentException(
                    "%s: %s of %d blocks at %d, flags %x, %d pieces of %d bytes breaks %s"
                            .formatted(
                                    device.hal().name(),
                                    BlockOp.name(op),
                                    blocks,
                                    lba,
                                    flags,
                                    list.size(),
                                    list.bytes(),
                                    limits));
        }
        for (int i = 0; i < list.size(); i++) {
            reach(list.buffer(i));
            if (list.length(i) < 1) {
                throw new IllegalArgumentException("a piece of " + list.length(i) + " bytes");
            }
        }
    }

    /// Devices reach pools, so the last pool's answer serves for most.
    @SuppressWarnings("ReferenceEquality") // pools are identities
    private void reach(DmaBuffer buffer) {
        if (buffer.pool() != pool) {
            try {
                if (!device.hal().reaches(buffer)) {
                    throw new IllegalArgumentException(
                            device.hal().name() + " does not reach " + buffer);
                }
                pool = buffer.pool();
            } catch (LeaseRevokedException e) {
                device.lose();
            }
        }
    }

    private void checkWithoutData(int op, int flags, long lba, int blocks) {
        boolean fits =
                op == BlockOp.FLUSH
                        || (blocks > 0
                                && lba >= 0
                                && (!limits.supports(op) || blocks <= limits.maxDiscardBlocks()));
        if (!fits || (flags & ~BlockOp.FUA) != 0) {
            throw new IllegalArgumentException(
                    "%s: %s of %d blocks at %d, flags %x breaks %s"
                            .formatted(
                                    device.hal().name(),
                                    BlockOp.name(op),
                                    blocks,
                                    lba,
                                    flags,
                                    limits));
        }
    }

    @Override
    public void kick() {
        enter();
        try {
            push();
        } finally {
            leave();
        }
    }

    private void push() {
        if (ring.hasPending() && life.state() <= QueueLife.FROZEN) {
            try {
                ring.kick();
            } catch (DeviceTimeoutException e) {
                // The machine does not answer; the notification is owed until it does.
                device.stalled(e);
            } catch (DeviceGoneException e) {
                device.gone();
            } catch (LeaseRevokedException | IllegalStateException e) {
                lost(e);
            }
        }
    }

    /// A handle threw in a submission: because the lease is over, or a client's buffer is closed.
    private boolean lostWhileSubmitting(IllegalStateException e) {
        lost(e);
        return false;
    }

    /// Deals with what a handle threw: rethrown unless the lease is over.
    private void lost(RuntimeException e) {
        if (device.hal().isLeaseValid()) {
            throw e;
        }
        device.lose();
    }

    // ---- Completion

    /// A request of this client ended. Called by whoever of the ring's clients took it.
    void ended(int tag, int status) {
        ended.add(tag, status);
        if (lock != null) {
            wait.signal();
        }
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        if (max > 0) {
            settle();
        }
        int taken = 0;
        while (taken < max && ended.count() > 0) {
            int tag = ended.tag();
            int status = ended.status();
            ended.remove();
            taken++;
            handler.completed(tag, status);
        }
        if (taken == 0) {
            // Whoever asks again at once takes cache lines from a device that is about to write
            // them, or the core from one that shares it.
            Thread.onSpinWait();
        }
        return taken;
    }

    /// Collects what ended, or does the owner's part in what happened to the queue.
    private void settle() {
        enter();
        try {
            int now = life.state();
            if (now <= QueueLife.FROZEN) {
                ring.collect();
                push();
            } else if (now == QueueLife.ENDED || (now == QueueLife.LOST && life.settleLost())) {
                ring.endAll(side, life.finalStatus());
            }
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
        } finally {
            ended.look();
            leave();
        }
    }

    /// Whether there is something to poll.
    boolean isReady() {
        if (ended.count() > 0) {
            return true;
        }
        settle();
        return ended.count() > 0;
    }

    /// Asks for an interrupt.
    ///
    /// @return false if something has come already
    boolean arm() {
        enter();
        try {
            return life.state() > QueueLife.FROZEN || ring.arm();
        } catch (LeaseRevokedException | IllegalStateException e) {
            lost(e);
            return true;
        } finally {
            leave();
        }
    }

    void disarm() {
        // The other client of a shared ring may wait.
        if (lock == null && life.state() <= QueueLife.FROZEN) {
            try {
                ring.disarm();
            } catch (LeaseRevokedException | IllegalStateException e) {
                lost(e);
            }
        }
    }

    @Override
    public boolean await(long nanos) {
        kick();
        if (isReady()) {
            return true;
        }
        if (life.state() >= QueueLife.ENDED) {
            return false;
        }
        return wait.until(System.nanoTime() + nanos);
    }

    @Override
    public void wake() {
        wait.rouse();
    }

    /// An interrupt came, or something happened to the queue.
    void signal() {
        wait.signal();
    }

    @Override
    public void close() {
        if (life.state() == QueueLife.CLOSED) {
            return;
        }
        long begin = System.nanoTime();
        long end = begin + device.settings().requestTimeout().toNanos();
        boolean asked = false;
        while (life.state() <= QueueLife.FROZEN && ended.inFlight() > 0) {
            if (!asked && System.nanoTime() - begin >= PATIENCE_NANOS) {
                asked = true;
                boolean _ = device.reset(this);
            }
            if (System.nanoTime() - end >= 0) {
                device.fault(
                        "queue %d: %d requests did not end when it was closed"
                                .formatted(ring.index, ended.inFlight()));
                break;
            }
            if (discard() == 0) {
                boolean _ = await(NAP_NANOS);
            }
        }
        while (ended.inFlight() > 0 && life.state() < QueueLife.CLOSED) {
            // Until the reset is confirmed or given up: the client's memory is the device's so
            // long.
            if (discard() == 0) {
                java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
            }
            if (System.nanoTime() - end >= device.settings().resetTimeout().toNanos()) {
                life.end(BlockStatus.OUTCOME_UNKNOWN);
            }
        }
        device.closed(this);
    }

    /// Takes what ended, for a queue that has no owner.
    ///
    /// @return whether nothing is in flight any more
    boolean settlesUnheard() {
        int _ = discard();
        return ended.inFlight() == 0;
    }

    private int discard() {
        return poll((tag, status) -> {}, Integer.MAX_VALUE);
    }

    // ---- From one generation to the next

    /// Requests that ended and were not polled: tags and statuses.
    Ended ended() {
        return ended;
    }

    /// Brings the queue into a state that can be passed on, while the owner is out.
    ///
    /// @return whether it is
    boolean prepareToPass() {
        settle();
        kick();
        return life.state() == QueueLife.OPEN && !ring.hasPending();
    }

    /// Takes over what the generation before had accepted.
    void restore(int inFlight, int[] tags, int[] statuses) {
        for (int i = 0; i < inFlight + tags.length; i++) {
            ended.accept();
        }
        for (int i = 0; i < tags.length; i++) {
            ended.add(tags[i], statuses[i]);
        }
    }

    /// The queue is the next generation's: this object touches nothing any more.
    void passOn() {
        life.close();
        ended.clear();
        wait.signal();
    }
}
