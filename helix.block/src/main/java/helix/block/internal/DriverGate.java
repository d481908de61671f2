package helix.block.internal;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockQueue;
import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A gate with the queue of a device behind it: all calls of the driver's queue, each of which
/// tells the gate where its thread is. What the driver throws stays here. The state is guarded by
/// the gate, except for what is said to be otherwise.
abstract class DriverGate extends Gate {
    private static final Logger LOG = LoggerFactory.getLogger(DriverGate.class);

    /// The most completions taken at once.
    static final int BATCH = 64;

    static final int SLOT_BITS = 16;

    private final String name;
    private final int blockSize;
    private final Tally tally;

    private volatile @Nullable BlockQueue inner;
    private @Nullable Backend backend;
    private @Nullable BlockLimits limits;
    private volatile @Nullable Object pool;

    /// By what number the next generation gives the device's queue again, 0 if it does not.
    private long handle;

    /// Requests that the device's queue has.
    private int issued;

    private boolean complained;

    // Completions as the driver tells them. Not touched by who abandons the gate.
    private final int[] tags = new int[BATCH];
    private final int[] statuses = new int[BATCH];
    private int collected;
    private final BlockQueue.CompletionHandler collector = this::collected;

    /// A gate without a queue of a device.
    DriverGate(String name, int blockSize, Tally tally) {
        this.name = name;
        this.blockSize = blockSize;
        this.tally = tally;
    }

    /// A gate without a queue, for the requests of one that was given up.
    DriverGate(DriverGate abandoned) {
        this(abandoned.name, abandoned.blockSize, abandoned.tally);
        issued = abandoned.issued;
        backend = abandoned.backend;
    }

    final String name() {
        return name;
    }

    final int blockSize() {
        return blockSize;
    }

    /// What is counted; any thread.
    final Tally tally() {
        return tally;
    }

    @Override
    void wakeSleeper() {
        BlockQueue queue = inner;
        if (queue != null) {
            queue.wake();
        }
    }

    // ---- What the device is

    final @Nullable BlockQueue inner() {
        return inner;
    }

    /// Whose queue is or was here.
    final @Nullable Backend backend() {
        return backend;
    }

    final long handle() {
        return handle;
    }

    final void forgetHandle() {
        handle = 0;
    }

    /// What the device reached last.
    final @Nullable Object pool() {
        return pool;
    }

    final int issued() {
        return issued;
    }

    /// The device's queue has one request fewer.
    final void oneReturned() {
        issued--;
    }

    /// The device's queue has no request any more.
    final void allReturned() {
        issued = 0;
    }

    /// Puts a queue of a device here.
    final void put(BlockQueue queue, Backend next, Object nextPool) {
        inner = queue;
        backend = next;
        limits = next.device().limits();
        pool = nextPool;
        handle = 0;
    }

    /// Takes the device's queue away.
    final @Nullable BlockQueue uninstall() {
        BlockQueue queue = inner;
        inner = null;
        handle = 0;
        return queue;
    }

    /// The next failure of the driver is worth a line again.
    final void forgive() {
        complained = false;
    }

    final void complain(String call, Throwable e) {
        if (!complained) {
            complained = true;
            LOG.warn("{}: the driver fails in {}", name, call, e);
        }
    }

    // ---- Into the driver and back

    /// Asks for the number by which the next generation gives the queue again.
    ///
    /// @return false if the gate was abandoned
    final boolean rememberHandle() {
        BlockQueue queue = inner;
        handle = 0;
        if (queue == null) {
            return true;
        }
        long asked = 0;
        goInside();
        try {
            asked = queue.handle();
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return false;
            }
            complain("handle", e);
            return true;
        }
        if (!comeBack()) {
            return false;
        }
        handle = asked;
        return true;
    }

    /// Whether the device's queue takes requests; false also if the gate was abandoned.
    final boolean isInnerOpen() {
        BlockQueue queue = inner;
        if (queue == null) {
            return false;
        }
        boolean open;
        goInside();
        try {
            open = queue.isOpen();
        } catch (RuntimeException | Error e) {
            if (comeBack()) {
                complain("isOpen", e);
            }
            return false;
        }
        return comeBack() && open;
    }

    /// Submits a request. Called after it was filled in; its state is set before the driver is
    /// called, so that it is found should the driver not come back.
    ///
    /// @return false if the device's queue did not take it; true also if the gate was abandoned
    /// @throws IllegalArgumentException if the driver refuses it; it is as before
    final boolean issue(Request request, int member) {
        BlockQueue queue = inner;
        if (queue == null) {
            return false;
        }
        int before = request.state;
        request.state = Request.ISSUED;
        issued++;
        boolean taken;
        try {
            if (request.movesBytes() && !reach(request)) {
                taken = !holdsGate();
                if (!taken) {
                    request.state = before;
                    issued--;
                }
                return taken;
            }
        } catch (RuntimeException | Error e) {
            request.state = before;
            issued--;
            throw e;
        }
        goInside();
        try {
            taken = request.submitTo(queue, member << SLOT_BITS | request.slot, blockSize);
        } catch (IllegalArgumentException e) {
            if (!comeBack()) {
                return true;
            }
            request.state = before;
            issued--;
            throw e;
        } catch (RuntimeException | Error e) {
            // Whether the driver has it is not known: it ends when this queue does.
            if (comeBack()) {
                complain("submit", e);
            }
            return true;
        }
        if (!comeBack()) {
            return true;
        }
        if (!taken) {
            request.state = before;
            issued--;
        }
        return taken;
    }

    /// Makes a copy of a request's memory if the device does not reach it.
    ///
    /// @return false if there is no memory to be had any more from the driver's generation, or the
    ///   gate was abandoned
    private boolean reach(Request request) {
        if (request.isReachedFrom(pool)) {
            request.bounce(null);
            return true;
        }
        Backend now = backend;
        BlockLimits most = limits;
        if (now == null || most == null) {
            throw new IllegalStateException("no device");
        }
        long size = (long) request.blocks * blockSize;
        if (request.blocks < 1 || size > most.maxTransferBytes()) {
            throw new IllegalArgumentException(
                    "request of " + size + " bytes, most=" + most.maxTransferBytes());
        }
        Bounce copy;
        try {
            copy = bounce(request, size, now.device(), most);
        } catch (RuntimeException e) {
            if (Backend.isOver(e)) {
                return false;
            }
            throw e;
        }
        if (copy == null) {
            return false;
        }
        request.bounce(copy);
        tally.bounced();
        return true;
    }

    /// @return null if the gate was abandoned while the driver was asked for memory
    @SuppressWarnings("ReferenceEquality") // pools are told apart by identity
    private @Nullable Bounce bounce(Request request, long size, BlockDevice now, BlockLimits most) {
        Bounce known = request.ownBounce();
        if (known == null || known.memory().size() < size || known.memory().pool() != pool) {
            // A power of two, so that growing sizes do not allocate each time.
            long rounded = Math.min(most.maxTransferBytes(), Long.highestOneBit(size * 2 - 1));
            DmaBuffer larger = allocate(now, rounded);
            if (larger == null) {
                return null;
            }
            request.close();
            known = new Bounce(larger);
        }
        known.use(size);
        return known;
    }

    /// Asks the driver for memory, which may take long.
    private @Nullable DmaBuffer allocate(BlockDevice now, long bytes) {
        DmaBuffer memory;
        goInside();
        try {
            memory = now.allocate(bytes);
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return null;
            }
            throw e;
        }
        if (!comeBack()) {
            memory.close();
            return null;
        }
        return memory;
    }

    /// Shows the device what was submitted.
    ///
    /// @return false if the gate was abandoned
    final boolean kick() {
        BlockQueue queue = inner;
        if (queue == null) {
            return true;
        }
        goInside();
        try {
            queue.kick();
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return false;
            }
            complain("kick", e);
            return true;
        }
        return comeBack();
    }

    private void collected(int tag, int status) {
        tags[collected] = tag;
        statuses[collected] = status;
        collected++;
    }

    final int collectedTag(int index) {
        return tags[index];
    }

    final int collectedStatus(int index) {
        return statuses[index];
    }

    /// Takes completions from the device, to be looked at one by one.
    ///
    /// @return how many were taken, -1 if the gate was abandoned
    final int poll() {
        BlockQueue queue = inner;
        if (queue == null) {
            return 0;
        }
        collected = 0;
        goInside();
        try {
            queue.poll(collector, BATCH);
        } catch (RuntimeException | Error e) {
            if (!comeBack()) {
                return -1;
            }
            complain("poll", e);
            return collected;
        }
        return comeBack() ? collected : -1;
    }

    /// Waits in the driver's code for completions, as long as nobody wants to get in.
    ///
    /// @return 1 if there may be some, 0 if not, -1 if the gate was abandoned
    final int await(long nanos) {
        BlockQueue queue = inner;
        if (queue == null) {
            return 0;
        }
        boolean some = false;
        goAwaiting();
        try {
            // Who wants in from now on sees that somebody sleeps here, and wakes him.
            some = queue.await(isWanted() ? 0 : nanos);
        } catch (RuntimeException | Error e) {
            if (!awake()) {
                return -1;
            }
            complain("await", e);
            return 0;
        }
        return awake() ? some ? 1 : 0 : -1;
    }
}
