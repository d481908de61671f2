package helix.driver.kit;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;

/// A [MemoryBlockDevice] with a planted [Fault], for tests of those who look for such.
public final class FaultyBlockDevice extends MemoryBlockDevice {
    /// How many requests later a late write is done, unless a flush comes before.
    private static final int LATENESS = 40;

    /// A write that was acknowledged.
    ///
    /// @param bytes on the heap
    private record Pending(long lba, int blocks, MemorySegment bytes, long due) {}

    private final Deque<Pending> pending = new ArrayDeque<>();
    private Fault fault = Fault.DROPPED_WRITE;
    private int every;
    private long requests;
    private long produced;

    /// Makes a device without a fault.
    ///
    /// @param blockSize bytes, a power of two of at least 512
    /// @param blocks capacity
    public FaultyBlockDevice(int blockSize, long blocks) {
        super(blockSize, blocks);
    }

    /// Plants a fault.
    ///
    /// @param kind which
    /// @param every how many requests that it can befall there are to one that it does
    public synchronized void plant(Fault kind, int every) {
        this.fault = kind;
        this.every = every;
        requests = 0;
    }

    /// How often the fault was produced.
    ///
    /// @return 0 or more
    public synchronized long produced() {
        return produced;
    }

    @Override
    protected int perform(int op, int flags, long lba, int count, ScatterList list) {
        requests++;
        settle(op, lba, count);
        if (every == 0 || !befalls(op) || requests % every != 0) {
            return super.perform(op, flags, lba, count, list);
        }
        produced++;
        return switch (fault) {
            case DROPPED_WRITE -> BlockStatus.OK;
            case TORN_WRITE -> tear(flags, lba, count, list);
            case MISDIRECTED_WRITE, MISDIRECTED_READ ->
                    super.perform(op, flags, neighbour(lba, count), count, list);
            case LATE_WRITE, REORDERED_WRITE -> delay(lba, count, list);
            case FAILED_REQUEST -> BlockStatus.MEDIA_ERROR;
        };
    }

    private boolean befalls(int op) {
        return switch (fault) {
            case MISDIRECTED_READ -> op == BlockOp.READ;
            case FAILED_REQUEST -> true;
            default -> op == BlockOp.WRITE;
        };
    }

    private long neighbour(long lba, int count) {
        return lba + 2L * count <= totalBlocks() ? lba + count : Math.max(0, lba - count);
    }

    private int tear(int flags, long lba, int count, ScatterList list) {
        int half = blockSize() / 2;
        long at = (lba + count) * blockSize() - half;
        MemorySegment tail = contents().asSlice(at, half);
        byte[] old = tail.toArray(ValueLayout.JAVA_BYTE);
        int status = super.perform(BlockOp.WRITE, flags, lba, count, list);
        tail.copyFrom(MemorySegment.ofArray(old));
        return status;
    }

    private int delay(long lba, int count, ScatterList list) {
        MemorySegment copy = MemorySegment.ofArray(new byte[count * blockSize()]);
        long to = 0;
        for (int i = 0; i < list.size(); i++) {
            long length = list.length(i);
            MemorySegment.copy(list.buffer(i).segment(), list.offset(i), copy, to, length);
            to += length;
        }
        pending.add(new Pending(lba, count, copy, requests + LATENESS));
        return BlockStatus.OK;
    }

    /// Does what is due. A late write is done before another to the same place, a reordered one is
    /// not.
    private void settle(int op, long lba, int count) {
        boolean ordered = fault == Fault.LATE_WRITE;
        boolean overtaken =
                ordered
                        && op != BlockOp.READ
                        && pending.stream()
                                .anyMatch(p -> p.lba < lba + count && lba < p.lba + p.blocks);
        while (!pending.isEmpty()
                && (op == BlockOp.FLUSH || overtaken || pending.peek().due <= requests)) {
            Pending p = pending.remove();
            long to = p.lba * blockSize();
            MemorySegment.copy(p.bytes, 0, contents(), to, p.bytes.byteSize());
        }
    }
}
