package helix.driver.block.nvme;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// A namespace of the NVM command set, as a block device.
final class Namespace implements BlockDevice {
    private final Controller controller;
    private final PlainCalls plainCalls;
    private final int nsid;
    private final int blockShift;
    private final String name;
    private final BlockIdentity identity;
    private final BlockLimits limits;
    private volatile long totalBlocks;
    private volatile boolean present = true;

    Namespace(
            Controller controller,
            PlainCalls plainCalls,
            int nsid,
            int blockShift,
            long totalBlocks,
            BlockIdentity identity,
            BlockLimits limits) {
        this.controller = controller;
        this.plainCalls = plainCalls;
        this.nsid = nsid;
        this.blockShift = blockShift;
        this.totalBlocks = totalBlocks;
        this.identity = identity;
        this.limits = limits;
        name = controller.name() + "n" + Integer.toUnsignedString(nsid);
    }

    @Override
    public BlockIdentity identity() {
        return identity;
    }

    @Override
    public int blockSize() {
        return 1 << blockShift;
    }

    @Override
    public long totalBlocks() {
        return totalBlocks;
    }

    @Override
    public BlockLimits limits() {
        return limits;
    }

    @Override
    public void readBlock(long lba, MemorySegment target) {
        plainCalls.run(this, BlockOp.READ, lba, target);
    }

    @Override
    public void writeBlock(long lba, MemorySegment source) {
        plainCalls.run(this, BlockOp.WRITE, lba, source);
    }

    @Override
    public void flush() {
        plainCalls.flush(this);
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        if (options.depth() < 1) {
            throw new IllegalArgumentException("queue depth " + options.depth());
        }
        return plainCalls.openForClient(this, options);
    }

    @Override
    public @Nullable BlockQueue adoptQueue(long handle) {
        return controller.pairs().claim(this, handle);
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return controller
                .hal()
                .allocateShared(bytes, controller.pageBytes(), controller.addressBits());
    }

    /// Checks a request with data against the limits.
    void check(int op, int flags, long lba, int blocks, ScatterList list) {
        checkFlags(op, flags, lba);
        if (op == BlockOp.COMPARE && !limits.supports(op)) {
            throw new IllegalArgumentException(name + " cannot do compare");
        }
        long bytes = (long) blocks << blockShift;
        if (blocks < 1 || bytes > limits.maxTransferBytes()) {
            throw new IllegalArgumentException(
                    "%s: %d blocks in a request, limit is 1 to %d"
                            .formatted(name, blocks, limits.maxTransferBytes() >> blockShift));
        }
        if (list.bytes() != bytes) {
            throw new IllegalArgumentException(
                    "%s: %d blocks need %d bytes of memory, the list has %d"
                            .formatted(name, blocks, bytes, list.bytes()));
        }
        if (list.size() > limits.maxSegments()) {
            throw new IllegalArgumentException(
                    "%s: %d pieces of memory, limit is %d"
                            .formatted(name, list.size(), limits.maxSegments()));
        }
        long mask = limits.segmentAlignment() - 1L;
        for (int i = 0; i < list.size(); i++) {
            if (((list.address(i) | list.length(i)) & mask) != 0) {
                throw new IllegalArgumentException(
                        "%s: piece %d at 0x%x of %d bytes is not aligned to %d"
                                .formatted(
                                        name,
                                        i,
                                        list.address(i),
                                        list.length(i),
                                        limits.segmentAlignment()));
            }
        }
    }

    /// Checks a request without data against the limits.
    void checkWithoutData(int op, int flags, long lba, int blocks) {
        checkFlags(op, flags, lba);
        if (!limits.supports(op)) {
            throw new IllegalArgumentException(name + " cannot do " + BlockOp.name(op));
        }
        if (op == BlockOp.FLUSH) {
            if (lba != 0 || blocks != 0) {
                throw new IllegalArgumentException("flush takes no blocks");
            }
        } else if (blocks < 1 || blocks > limits.maxDiscardBlocks()) {
            throw new IllegalArgumentException(
                    "%s: %d blocks in a %s, limit is 1 to %d"
                            .formatted(name, blocks, BlockOp.name(op), limits.maxDiscardBlocks()));
        }
    }

    private void checkFlags(int op, int flags, long lba) {
        if ((flags & ~BlockOp.FUA) != 0 || lba < 0) {
            throw new IllegalArgumentException(
                    "%s: %s with flags %x at block %d"
                            .formatted(name, BlockOp.name(op), flags, lba));
        }
    }

    boolean contains(long lba, int blocks) {
        long total = totalBlocks;
        return lba >= 0 && blocks <= total && lba <= total - blocks;
    }

    boolean isPresent() {
        return present;
    }

    /// The controller no longer has this namespace in this form.
    void withdraw() {
        present = false;
    }

    void resize(long blocks) {
        totalBlocks = blocks;
    }

    int nsid() {
        return nsid;
    }

    int blockShift() {
        return blockShift;
    }

    String name() {
        return name;
    }

    @Override
    public String toString() {
        return name;
    }
}
