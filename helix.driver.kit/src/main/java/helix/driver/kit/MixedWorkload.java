package helix.driver.kit;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Random requests on the first blocks of a device, checked against what they must have left there.
/// Requests in flight at the same time do not overlap, but for reads.
final class MixedWorkload implements AutoCloseable {
    private static final int REGION = 512;
    private static final int MOST_BLOCKS = 16;

    /// Contents of a block in the shadow copy: a stamp's seed, or one of these.
    private static final int ZERO = 0;

    private static final int UNKNOWN = -1;

    private static final int WRITING = -1;

    private final Io io;
    private final BlockLimits limits;
    private final SplittableRandom random;
    private final int blockSize;
    private final int mostBlocks;
    private final int[] shadow = new int[REGION];

    /// How many requests read a block now, or [#WRITING].
    private final int[] users = new int[REGION];

    private final Slot[] slots;
    private int nextSeed = 1;

    /// A request in flight.
    private static final class Slot {
        final DmaBuffer buffer;
        final ScatterList list;
        int op;
        int first;
        int count;
        int seed;
        boolean busy;

        Slot(DmaBuffer buffer, int pieces) {
            this.buffer = buffer;
            list = new ScatterList(pieces);
        }
    }

    MixedWorkload(Io io, BlockLimits limits, long seed) {
        this.io = io;
        this.limits = limits;
        random = new SplittableRandom(seed);
        blockSize = io.device().blockSize();
        mostBlocks = Math.min(MOST_BLOCKS, limits.maxTransferBytes() / blockSize);
        slots = new Slot[io.queue().depth()];
        int pieces = Math.max(1, Math.min(limits.maxSegments(), mostBlocks));
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new Slot(io.device().allocate((long) mostBlocks * blockSize), pieces);
        }
        io.listen(this::completed);
    }

    void run(int rounds) {
        int seed = nextSeed++;
        io.listen((tag, status) -> {});
        io.writeStamped(0, REGION, seed);
        java.util.Arrays.fill(shadow, seed);
        io.listen(this::completed);
        for (int round = 0; round < rounds; round++) {
            int tag = freeSlot();
            begin(tag);
            if (random.nextInt(4) == 0) {
                io.queue().kick();
            }
        }
        io.drain();
        io.listen((tag, status) -> {});
        checkAll();
    }

    private int freeSlot() {
        long end = System.nanoTime() + Io.LIMIT_NANOS;
        while (true) {
            for (int i = 0; i < slots.length; i++) {
                if (!slots[i].busy) {
                    return i;
                }
            }
            io.queue().kick();
            io.step();
            Check.that(System.nanoTime() - end < 0, "no request ended in time");
        }
    }

    private void begin(int tag) {
        Slot slot = slots[tag];
        int op = chooseOp();
        if (op == BlockOp.FLUSH) {
            submit(tag, slot, op, 0, 0, 0);
            return;
        }
        int count = 1 + random.nextInt(mostBlocks);
        if (op == BlockOp.DISCARD || op == BlockOp.WRITE_ZEROES) {
            count = (int) Math.min(count, limits.maxDiscardBlocks());
        }
        int first = random.nextInt(REGION - count + 1);
        boolean reads = op == BlockOp.READ || op == BlockOp.COMPARE;
        for (int i = first; i < first + count; i++) {
            if (users[i] == WRITING || (users[i] > 0 && !reads)) {
                return;
            }
            if (op == BlockOp.COMPARE && shadow[i] == UNKNOWN) {
                return;
            }
        }
        for (int i = first; i < first + count; i++) {
            users[i] = reads ? users[i] + 1 : WRITING;
        }
        int flags =
                op == BlockOp.WRITE && limits.forceUnitAccess() && random.nextInt(8) == 0
                        ? BlockOp.FUA
                        : 0;
        submit(tag, slot, op, flags, first, count);
    }

    private int chooseOp() {
        int dice = random.nextInt(100);
        int op;
        if (dice < 44) {
            op = BlockOp.READ;
        } else if (dice < 88) {
            op = BlockOp.WRITE;
        } else if (dice < 91) {
            op = BlockOp.WRITE_ZEROES;
        } else if (dice < 93) {
            op = BlockOp.DISCARD;
        } else if (dice < 96) {
            op = BlockOp.COMPARE;
        } else {
            op = BlockOp.FLUSH;
        }
        return limits.supports(op) ? op : BlockOp.READ;
    }

    private void submit(int tag, Slot slot, int op, int flags, int first, int count) {
        slot.op = op;
        slot.first = first;
        slot.count = count;
        slot.seed = op == BlockOp.WRITE ? nextSeed++ : ZERO;
        prepareMemory(slot);
        boolean moves = op == BlockOp.READ || op == BlockOp.WRITE || op == BlockOp.COMPARE;
        boolean pieces = moves && random.nextInt(3) == 0;
        if (pieces) {
            cutIntoPieces(slot);
        }
        @Nullable DmaBuffer buffer = moves ? slot.buffer : null;
        long end = System.nanoTime() + Io.LIMIT_NANOS;
        while (!(pieces
                ? io.offer(op, flags, first, count, slot.list, tag)
                : io.offer(op, flags, first, count, buffer, 0, tag))) {
            // Requests in many pieces may have taken the room of others, but an empty queue has
            // room for any.
            Check.that(
                    io.queue().inFlight() > 0,
                    BlockOp.name(op) + " was not taken though the queue is empty");
            Check.that(System.nanoTime() - end < 0, "no request ended in time");
            io.queue().kick();
            io.step();
        }
        slot.busy = true;
    }

    private void prepareMemory(Slot slot) {
        if (slot.op == BlockOp.WRITE) {
            Stamp.fill(slot.buffer.segment(), 0, blockSize, slot.first, slot.count, slot.seed);
        } else if (slot.op == BlockOp.READ) {
            slot.buffer.segment().fill((byte) 0xEE);
        } else if (slot.op == BlockOp.COMPARE) {
            for (int i = 0; i < slot.count; i++) {
                long at = (long) i * blockSize;
                int seed = shadow[slot.first + i];
                if (seed == ZERO) {
                    slot.buffer.segment().asSlice(at, blockSize).fill((byte) 0);
                } else {
                    Stamp.fill(slot.buffer.segment(), at, blockSize, slot.first + i, 1, seed);
                }
            }
        }
    }

    private void cutIntoPieces(Slot slot) {
        int pieces = Math.min(limits.maxSegments(), slot.count);
        slot.list.clear();
        long at = 0;
        long left = (long) slot.count * blockSize;
        long each = blockSize;
        for (int i = 0; i < pieces; i++) {
            long length = i == pieces - 1 ? left : each;
            slot.list.add(slot.buffer, at, length);
            at += length;
            left -= length;
        }
    }

    private void completed(int tag, int status) {
        Slot slot = slots[tag];
        slot.busy = false;
        Check.ok(status, BlockOp.name(slot.op) + " of " + slot.count + " blocks at " + slot.first);
        for (int i = 0; i < slot.count; i++) {
            int block = slot.first + i;
            switch (slot.op) {
                case BlockOp.READ -> {
                    checkBlock(slot.buffer, (long) i * blockSize, block);
                    users[block]--;
                }
                case BlockOp.COMPARE -> users[block]--;
                default -> {
                    shadow[block] = slot.op == BlockOp.DISCARD ? UNKNOWN : slot.seed;
                    users[block] = 0;
                }
            }
        }
    }

    private void checkBlock(DmaBuffer buffer, long at, int block) {
        int seed = shadow[block];
        if (seed == ZERO) {
            Stamp.checkZero(buffer.segment(), at, blockSize, block, 1);
        } else if (seed != UNKNOWN) {
            Stamp.check(buffer.segment(), at, blockSize, block, 1, seed);
        }
    }

    private void checkAll() {
        try (DmaBuffer buffer = io.device().allocate((long) REGION * blockSize)) {
            io.transfer(BlockOp.READ, 0, REGION, buffer, 0);
            for (int block = 0; block < REGION; block++) {
                checkBlock(buffer, (long) block * blockSize, block);
            }
        }
    }

    @Override
    public void close() {
        for (Slot slot : slots) {
            slot.buffer.close();
        }
    }
}
