package helix.block.internal;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// A queue of the device behind a disk, with the disk's checks and counters. Each request has a
/// slot, whose number is the tag that the device's queue sees.
///
/// A request that the disk itself refuses waits in [#refused] for its poll.
final class DiskQueue implements BlockQueue {
    private final DiskAccess access;
    private final DiskCounters counters;
    private final Tally tally;
    private final BlockDevice device;
    private final BlockQueue inner;
    private final Object pool;
    private final boolean mayWrite;
    private final int blockSize;
    private final int mostBlocks;
    private final long mostDiscardBlocks;

    private final int[] ops;
    private final int[] tags;
    private final long[] bytes;

    /// Numbers of the slots without a request, in the first [#freeCount] elements.
    private final int[] free;

    private int freeCount;

    /// Slots whose request never reached the device, in the first [#refusedCount] elements, and how
    /// they end.
    private final int[] refused;

    private final int[] refusedStatus;
    private int refusedCount;

    private final @Nullable Bounce[] bounces;
    private final ScatterList single = new ScatterList(1);
    private final CompletionHandler onCompletion = this::completed;
    private @Nullable CompletionHandler user;
    private final AtomicBoolean closed = new AtomicBoolean();

    DiskQueue(
            DiskAccess access,
            DiskCounters counters,
            BlockDevice device,
            BlockQueue inner,
            Object pool) {
        this.access = access;
        this.counters = counters;
        this.device = device;
        this.inner = inner;
        this.pool = pool;
        tally = counters.open();
        mayWrite = access.mayWrite();
        blockSize = device.blockSize();
        mostBlocks = device.limits().maxTransferBytes() / blockSize;
        mostDiscardBlocks = device.limits().maxDiscardBlocks();
        int depth = inner.depth();
        ops = new int[depth];
        tags = new int[depth];
        bytes = new long[depth];
        free = new int[depth];
        for (int i = 0; i < depth; i++) {
            free[i] = i;
        }
        freeCount = depth;
        refused = new int[depth];
        refusedStatus = new int[depth];
        bounces = new Bounce[depth];
    }

    @Override
    public int depth() {
        return free.length;
    }

    @Override
    public int inFlight() {
        return free.length - freeCount;
    }

    @Override
    public boolean submit(
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset,
            int tag) {
        if (freeCount == 0 || !inner.isOpen()) {
            return false;
        }
        int refusal = refusal(op, lba, blocks);
        if (refusal != BlockStatus.OK) {
            refuse(op, tag, refusal);
            return true;
        }
        if (buffer != null && !reaches(buffer)) {
            long size = (long) blocks * blockSize;
            checkSize(blocks, size);
            return submitBounced(
                    op, flags, lba, blocks, single.clear().add(buffer, offset, size), tag);
        }
        int slot = free[freeCount - 1];
        if (!inner.submit(op, flags, lba, blocks, buffer, offset, slot)) {
            return false;
        }
        accepted(slot, op, blocks, tag);
        return true;
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        if (freeCount == 0 || !inner.isOpen()) {
            return false;
        }
        int refusal = refusal(op, lba, blocks);
        if (refusal != BlockStatus.OK) {
            refuse(op, tag, refusal);
            return true;
        }
        for (int i = 0; i < list.size(); i++) {
            if (!reaches(list.buffer(i))) {
                return submitBounced(op, flags, lba, blocks, list, tag);
            }
        }
        int slot = free[freeCount - 1];
        if (!inner.submit(op, flags, lba, blocks, list, slot)) {
            return false;
        }
        accepted(slot, op, blocks, tag);
        return true;
    }

    /// Pools are told apart by identity.
    @SuppressWarnings("ReferenceEquality")
    private boolean reaches(DmaBuffer buffer) {
        return buffer.pool() == pool;
    }

    /// How the disk itself ends a request, OK if it does not. What is wrong with a request beside
    /// its range is the device's to say.
    private int refusal(int op, long lba, int blocks) {
        if (!mayWrite && op != BlockOp.READ && op != BlockOp.COMPARE && op != BlockOp.FLUSH) {
            return BlockStatus.READ_ONLY;
        }
        if (lba > device.totalBlocks() - blocks && lba >= 0 && blocks > 0 && blocks <= most(op)) {
            return BlockStatus.OUT_OF_RANGE;
        }
        return BlockStatus.OK;
    }

    private long most(int op) {
        return op == BlockOp.DISCARD || op == BlockOp.WRITE_ZEROES ? mostDiscardBlocks : mostBlocks;
    }

    private void refuse(int op, int tag, int status) {
        int slot = free[freeCount - 1];
        accepted(slot, op, 0, tag);
        refused[refusedCount] = slot;
        refusedStatus[refusedCount] = status;
        refusedCount++;
    }

    private void accepted(int slot, int op, int blocks, int tag) {
        freeCount--;
        ops[slot] = op;
        tags[slot] = tag;
        bytes[slot] = (long) blocks * blockSize;
    }

    private boolean submitBounced(
            int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        BlockLimits limits = device.limits();
        long size = (long) blocks * blockSize;
        checkSize(blocks, size);
        if (list.bytes() != size || list.size() > limits.maxSegments()) {
            throw new IllegalArgumentException(
                    BlockOp.name(op)
                            + " of "
                            + size
                            + " bytes with "
                            + list.bytes()
                            + " bytes in "
                            + list.size()
                            + " pieces, most="
                            + limits.maxSegments());
        }
        int slot = free[freeCount - 1];
        Bounce bounce = bounce(slot, size, limits);
        bounce.begin(list);
        boolean taken = false;
        try {
            if (op != BlockOp.READ) {
                bounce.copyIn();
            }
            taken = inner.submit(op, flags, lba, blocks, bounce.memory(), 0, slot);
        } finally {
            if (!taken) {
                bounce.end();
            }
        }
        if (taken) {
            accepted(slot, op, blocks, tag);
            tally.bounced();
        }
        return taken;
    }

    private void checkSize(int blocks, long size) {
        int most = device.limits().maxTransferBytes();
        if (blocks < 1 || size > most) {
            throw new IllegalArgumentException("request of " + size + " bytes, most=" + most);
        }
    }

    private Bounce bounce(int slot, long size, BlockLimits limits) {
        Bounce known = bounces[slot];
        if (known != null && known.memory().size() >= size) {
            return known;
        }
        // A power of two, so that growing sizes do not allocate each time.
        long rounded = Math.min(limits.maxTransferBytes(), Long.highestOneBit(size * 2 - 1));
        Bounce larger = new Bounce(limits.maxSegments(), device.allocate(rounded));
        bounces[slot] = larger;
        if (known != null) {
            known.close();
        }
        return larger;
    }

    @Override
    public void kick() {
        inner.kick();
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        CompletionHandler outer = user;
        user = handler;
        try {
            int taken = 0;
            while (refusedCount > 0 && taken < max) {
                refusedCount--;
                taken++;
                completed(refused[refusedCount], refusedStatus[refusedCount]);
            }
            return taken < max ? taken + inner.poll(onCompletion, max - taken) : taken;
        } finally {
            user = outer;
        }
    }

    private void completed(int slot, int status) {
        int op = ops[slot];
        int tag = tags[slot];
        tally.ended(op, bytes[slot], status);
        Bounce bounce = bounces[slot];
        if (bounce != null && bounce.inUse()) {
            if (op == BlockOp.READ && status == BlockStatus.OK) {
                bounce.copyOut();
            }
            bounce.end();
        }
        // Free before the handler runs: it may submit.
        free[freeCount++] = slot;
        CompletionHandler handler = user;
        if (handler != null) {
            handler.completed(tag, status);
        }
    }

    @Override
    public boolean await(long nanos) {
        if (refusedCount > 0) {
            inner.kick();
            return true;
        }
        return inner.await(nanos);
    }

    @Override
    public boolean isOpen() {
        return !closed.get() && inner.isOpen();
    }

    @Override
    public void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            inner.close();
        } finally {
            for (Bounce bounce : bounces) {
                if (bounce != null) {
                    bounce.close();
                }
            }
            counters.close(tally);
            access.closed(this);
        }
    }
}
