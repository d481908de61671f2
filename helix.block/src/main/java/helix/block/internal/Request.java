package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;

/// A request of a [DiskQueue], used again and again. It records all that is needed to submit it a
/// second time, and holds its memory from its submission to its end, whatever becomes of drivers.
/// Guarded by the gate of its queue's lane.
final class Request {
    /// Not in use.
    static final int FREE = 0;

    /// Waits to be submitted to the device.
    static final int WAITING = 1;

    /// Submitted to the device.
    static final int ISSUED = 2;

    /// Was submitted and will not happen any more; it has to be found out what is left to do.
    static final int LOST = 3;

    /// Ended, not yet told.
    static final int DONE = 4;

    final DiskQueue queue;
    final int slot;
    int state;
    int op;
    int flags;
    long lba;
    int blocks;
    int tag;
    int status;

    /// When it was submitted, for its latency; `System.nanoTime`.
    long time;

    /// When it began to wait for a driver; `System.nanoTime`.
    long since;

    /// The disk's [clock][ReplayOrder] when it was submitted.
    long clock;

    /// How often it was submitted again.
    int replays;

    /// Since when the driver refuses memory for a copy; `System.nanoTime`, 0 if it does not.
    long withoutMemorySince;

    /// Whether it is among the writes that others wait for, see [ReplayOrder#replaying].
    boolean isBarrier;

    private @Nullable DmaBuffer buffer;
    private long offset;
    private @Nullable ScatterList pieces;
    private boolean inPieces;
    private @Nullable Bounce bounce;
    private boolean bounced;

    // What is left to do where a part of a replayed write was overwritten since; else everything.
    private long @Nullable [] ranges;
    private int rangeAt;
    private long partLba;
    private int partBlocks;
    private @Nullable ScatterList part;

    Request(DiskQueue queue, int slot) {
        this.queue = queue;
        this.slot = slot;
    }

    /// Fills in what was asked for and holds the memory.
    void begin(int op, int flags, long lba, int blocks, int tag) {
        this.op = op;
        this.flags = flags;
        this.lba = lba;
        this.blocks = blocks;
        this.tag = tag;
        partLba = lba;
        partBlocks = blocks;
        ranges = null;
        replays = 0;
        withoutMemorySince = 0;
        isBarrier = false;
        inPieces = false;
        buffer = null;
    }

    void holdSingle(DmaBuffer memory, long at) {
        if (memory != null) {
            hold(memory);
            buffer = memory;
            offset = at;
        }
    }

    void holdPieces(ScatterList list, int most) {
        ScatterList mine = pieces;
        if (mine == null || list.size() > most) {
            if (list.size() > most) {
                throw new IllegalArgumentException(list.size() + " pieces of memory, most=" + most);
            }
            mine = new ScatterList(most);
            pieces = mine;
        }
        inPieces = true;
        for (int i = 0; i < list.size(); i++) {
            hold(list.buffer(i));
            mine.add(list.buffer(i), list.offset(i), list.length(i));
        }
    }

    private static void hold(DmaBuffer memory) {
        if (memory.isClosed()) {
            throw new IllegalArgumentException(memory + " is closed");
        }
        memory.hold();
    }

    /// Lets the memory go. Also undoes a hold that failed half way.
    void drop() {
        DmaBuffer single = buffer;
        if (single != null) {
            buffer = null;
            single.drop();
        }
        ScatterList list = pieces;
        if (inPieces && list != null) {
            for (int i = 0; i < list.size(); i++) {
                list.buffer(i).drop();
            }
            list.clear();
            inPieces = false;
        }
        bounced = false;
    }

    boolean changesBlocks() {
        return op == BlockOp.WRITE || op == BlockOp.WRITE_ZEROES || op == BlockOp.DISCARD;
    }

    boolean movesBytes() {
        return op == BlockOp.READ || op == BlockOp.WRITE || op == BlockOp.COMPARE;
    }

    /// The first block of what is submitted now.
    long partLba() {
        return partLba;
    }

    int partBlocks() {
        return partBlocks;
    }

    /// Whether a device with that pool reaches all of the memory.
    @SuppressWarnings("ReferenceEquality") // pools are told apart by identity
    boolean isReachedFrom(@Nullable Object pool) {
        DmaBuffer single = buffer;
        if (single != null) {
            return single.pool() == pool;
        }
        ScatterList list = pieces;
        if (inPieces && list != null) {
            for (int i = 0; i < list.size(); i++) {
                if (list.buffer(i).pool() != pool) {
                    return false;
                }
            }
        }
        return true;
    }

    /// Copies the memory to where the device reaches it, or not any more.
    void bounce(@Nullable Bounce copy) {
        bounced = copy != null;
        if (copy == null) {
            return;
        }
        bounce = copy;
        if (op != BlockOp.READ) {
            copyBounced(copy, true);
        }
    }

    @Nullable Bounce ownBounce() {
        return bounce;
    }

    private void copyBounced(Bounce copy, boolean in) {
        DmaBuffer single = buffer;
        ScatterList list = pieces;
        if (single != null) {
            copy.copy(single, offset, 0, copy.bytes(), in);
        } else if (inPieces && list != null) {
            long at = 0;
            for (int i = 0; i < list.size(); i++) {
                copy.copy(list.buffer(i), list.offset(i), at, list.length(i), in);
                at += list.length(i);
            }
        }
    }

    /// What was read is where the client wants it.
    void arrived() {
        Bounce copy = bounce;
        if (bounced && copy != null && op == BlockOp.READ) {
            copyBounced(copy, false);
        }
    }

    /// Submits this, or the part that it is at.
    boolean submitTo(BlockQueue device, int innerTag, int blockSize) {
        Bounce copy = bounce;
        long skipped = (partLba - lba) * blockSize;
        if (bounced && copy != null) {
            return device.submit(op, flags, partLba, partBlocks, copy.memory(), skipped, innerTag);
        }
        ScatterList list = ranges == null ? pieces : part;
        if (inPieces && list != null) {
            return device.submit(op, flags, partLba, partBlocks, list, innerTag);
        }
        long at = buffer == null ? 0 : offset + skipped;
        return device.submit(op, flags, partLba, partBlocks, buffer, at, innerTag);
    }

    /// Only these ranges are left to be done.
    ///
    /// @param left first blocks and ends in turn, at least one pair
    void restrict(long[] left, int blockSize) {
        ranges = left;
        rangeAt = 0;
        takeRange(left, blockSize);
    }

    /// A range is done.
    ///
    /// @return whether there is another
    boolean advance(int blockSize) {
        long[] left = ranges;
        if (left == null || rangeAt + 2 >= left.length) {
            return false;
        }
        rangeAt += 2;
        takeRange(left, blockSize);
        return true;
    }

    /// What is not done yet, as first blocks and ends in turn.
    long[] remaining() {
        long[] left = ranges;
        if (left == null) {
            return new long[] {lba, lba + blocks};
        }
        return java.util.Arrays.copyOfRange(left, rangeAt, left.length);
    }

    private void takeRange(long[] left, int blockSize) {
        partLba = left[rangeAt];
        partBlocks = (int) (left[rangeAt + 1] - partLba);
        ScatterList whole = pieces;
        if (inPieces && whole != null) {
            part = slice(whole, (partLba - lba) * blockSize, (long) partBlocks * blockSize);
        }
    }

    private static ScatterList slice(ScatterList whole, long from, long bytes) {
        ScatterList slice = new ScatterList(whole.size());
        long at = 0;
        for (int i = 0; i < whole.size(); i++) {
            long begin = Math.max(from, at);
            long end = Math.min(from + bytes, at + whole.length(i));
            if (begin < end) {
                slice.add(whole.buffer(i), whole.offset(i) + begin - at, end - begin);
            }
            at += whole.length(i);
        }
        return slice;
    }

    /// Frees what bouncing has allocated.
    void close() {
        Bounce copy = bounce;
        bounce = null;
        if (copy != null) {
            copy.close();
        }
    }
}
