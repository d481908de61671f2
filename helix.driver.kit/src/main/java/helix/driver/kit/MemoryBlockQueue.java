package helix.driver.kit;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A queue of a [MemoryBlockDevice]. Which of the requests in flight ends next is drawn from a
/// fixed sequence of random numbers.
final class MemoryBlockQueue implements BlockQueue {
    private static final long PAUSE_NANOS = 100_000;

    /// One request, used again and again.
    private static final class Slot {
        final ScatterList list;
        int op;
        int flags;
        long lba;
        int blocks;
        int tag;

        Slot(int segments) {
            list = new ScatterList(segments);
        }
    }

    private final MemoryBlockDevice device;
    private final BlockLimits limits;
    private final int blockSize;

    /// The first [#inFlight] are in flight, of these the first [#visible] are seen by the device.
    private final Slot[] slots;

    private final ScatterList single = new ScatterList(1);
    private int inFlight;
    private int visible;
    private long random = 0x9E37_79B9_7F4A_7C15L;
    private boolean closed;
    private volatile boolean woken;

    MemoryBlockQueue(MemoryBlockDevice device, int depth) {
        this.device = device;
        limits = device.limits();
        blockSize = device.blockSize();
        slots = new Slot[depth];
        for (int i = 0; i < depth; i++) {
            slots[i] = new Slot(limits.maxSegments());
        }
    }

    @Override
    public int depth() {
        return slots.length;
    }

    @Override
    public int inFlight() {
        return inFlight;
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
        single.clear();
        if (moves(op)) {
            if (buffer == null) {
                throw new IllegalArgumentException(BlockOp.name(op) + " without memory");
            }
            long bytes = (long) blocks * blockSize;
            if (blocks < 1 || offset < 0 || bytes > buffer.size() - offset) {
                throw new IllegalArgumentException(
                        blocks + " blocks at offset " + offset + " of " + buffer);
            }
            single.add(buffer, offset, bytes);
        } else if (buffer != null) {
            throw new IllegalArgumentException(BlockOp.name(op) + " with memory");
        }
        return accept(op, flags, lba, blocks, single, tag);
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        if (!moves(op)) {
            throw new IllegalArgumentException(BlockOp.name(op) + " with memory");
        }
        return accept(op, flags, lba, blocks, list, tag);
    }

    private static boolean moves(int op) {
        return op == BlockOp.READ || op == BlockOp.WRITE || op == BlockOp.COMPARE;
    }

    private boolean accept(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        check(op, flags, lba, blocks, list);
        if (!isOpen() || inFlight == slots.length) {
            return false;
        }
        Slot slot = slots[inFlight];
        hold(slot, list);
        inFlight++;
        slot.op = op;
        slot.flags = flags;
        slot.lba = lba;
        slot.blocks = blocks;
        slot.tag = tag;
        return true;
    }

    /// Holds memory that was not given back yet; its owner may have closed it.
    private static void hold(Slot slot, ScatterList list) {
        for (int i = 0; i < list.size(); i++) {
            try {
                list.buffer(i).hold();
            } catch (IllegalStateException e) {
                release(slot);
                throw new IllegalArgumentException(list.buffer(i) + " is closed", e);
            }
            slot.list.add(list.buffer(i), list.offset(i), list.length(i));
        }
    }

    private void check(int op, int flags, long lba, int blocks, ScatterList list) {
        if ((flags & ~BlockOp.FUA) != 0) {
            throw new IllegalArgumentException("flags 0x" + Integer.toHexString(flags));
        }
        if (op == BlockOp.FLUSH) {
            if (blocks != 0 || lba != 0) {
                throw new IllegalArgumentException("flush of " + blocks + " blocks at " + lba);
            }
            return;
        }
        long most = moves(op) ? limits.maxTransferBytes() / blockSize : limits.maxDiscardBlocks();
        if (lba < 0 || blocks < 1 || blocks > most) {
            throw new IllegalArgumentException(
                    BlockOp.name(op) + " of " + blocks + " blocks at " + lba + ", most=" + most);
        }
        if (moves(op) && list.bytes() != (long) blocks * blockSize) {
            throw new IllegalArgumentException(blocks + " blocks with " + list.bytes() + " bytes");
        }
        if (list.size() > limits.maxSegments()) {
            throw new IllegalArgumentException(
                    list.size() + " pieces of memory, most=" + limits.maxSegments());
        }
        for (int i = 0; i < list.size(); i++) {
            if (!reaches(list.buffer(i))) {
                throw new IllegalArgumentException(list.buffer(i) + " is out of reach");
            }
            if (((list.address(i) | list.length(i)) & (limits.segmentAlignment() - 1)) != 0) {
                throw new IllegalArgumentException(
                        "piece of "
                                + list.length(i)
                                + " bytes at offset "
                                + list.offset(i)
                                + ", alignment="
                                + limits.segmentAlignment());
            }
        }
    }

    /// Pools are told apart by identity.
    @SuppressWarnings("ReferenceEquality")
    private boolean reaches(DmaBuffer buffer) {
        return buffer.pool() == device.pool();
    }

    @Override
    public void kick() {
        visible = inFlight;
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        int taken = 0;
        while (taken < max) {
            int gone = device.goneStatus();
            if (gone != BlockStatus.OK) {
                visible = inFlight;
            } else if (device.isStalled()) {
                break;
            }
            if (visible == 0) {
                break;
            }
            Slot slot = takeOne();
            int status = gone;
            if (gone == BlockStatus.OK) {
                synchronized (device) {
                    status = device.perform(slot.op, slot.flags, slot.lba, slot.blocks, slot.list);
                }
            }
            int tag = slot.tag;
            release(slot);
            taken++;
            handler.completed(tag, status);
        }
        return taken;
    }

    /// Moves a random visible slot behind those in flight.
    private Slot takeOne() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        int pick = (int) Long.remainderUnsigned(random, visible);
        Slot slot = slots[pick];
        slots[pick] = slots[--visible];
        slots[visible] = slots[--inFlight];
        slots[inFlight] = slot;
        return slot;
    }

    private static void release(Slot slot) {
        for (int i = 0; i < slot.list.size(); i++) {
            slot.list.buffer(i).drop();
        }
        slot.list.clear();
    }

    @Override
    public boolean await(long nanos) {
        kick();
        long end = System.nanoTime() + nanos;
        while (visible == 0 || (device.isStalled() && device.goneStatus() == BlockStatus.OK)) {
            long left = end - System.nanoTime();
            if (left <= 0 || woken) {
                woken = false;
                return false;
            }
            LockSupport.parkNanos(Math.min(left, PAUSE_NANOS));
        }
        return true;
    }

    /// Seen after at most a pause.
    @Override
    public void wake() {
        woken = true;
    }

    @Override
    public boolean isOpen() {
        return !closed && device.goneStatus() == BlockStatus.OK;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (int i = 0; i < inFlight; i++) {
            release(slots[i]);
        }
        inFlight = 0;
        visible = 0;
        device.queueClosed();
    }
}
