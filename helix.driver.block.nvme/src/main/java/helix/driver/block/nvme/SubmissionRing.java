package helix.driver.block.nvme;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.ScatterList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// The host's side of a submission queue: turns requests into commands. It has an entry for each
/// command slot and one more, so it is never full.
final class SubmissionRing {
    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();

    /// CDW12 of commands that write: Force Unit Access. NVM 1.0, section 3.2.5.
    private static final int FUA = 1 << 30;

    /// CDW11 of Dataset Management: Attribute – Deallocate. NVM 1.0, section 3.2.3.
    private static final int DEALLOCATE = 1 << 2;

    private static final int RANGE_BYTES = 16;

    private final MemorySegment ring;
    private final int entries;
    private final MemorySegment lists;
    private final PrpBuilder prps;
    private final Slots slots;
    private final Requests requests;

    /// Slots whose commands the controller has not been shown.
    private final int[] pending;

    private int pendingCount;
    private int tail;

    SubmissionRing(QueueMemory memory, Slots slots, Requests requests) {
        ring = memory.submission;
        entries = memory.submissionEntries;
        lists = memory.lists;
        prps = memory.prps;
        this.slots = slots;
        this.requests = requests;
        pending = new int[memory.slots];
    }

    /// Goes on where the generation before stopped, with nothing pending.
    void restore(QueueState.Rings saved) {
        tail = saved.tail();
    }

    /// The next entry.
    int tail() {
        return tail;
    }

    /// How many commands a request with data becomes.
    int commands(ScatterList list) {
        return prps.commands(list);
    }

    boolean hasPending() {
        return pendingCount > 0;
    }

    /// Notes that the controller is being shown what is pending.
    ///
    /// @param now the time
    /// @return the tail
    int show(long now) {
        for (int i = 0; i < pendingCount; i++) {
            slots.stamp(pending[i], now);
        }
        pendingCount = 0;
        return tail;
    }

    /// Back to what Create I/O Submission Queue expects.
    void rewind() {
        pendingCount = 0;
        tail = 0;
    }

    /// Enqueues the commands of a request with data.
    void transfer(int request, Namespace namespace, int op, int flags, long lba, ScatterList list) {
        int opcode =
                switch (op) {
                    case BlockOp.READ -> IoCommand.READ;
                    case BlockOp.WRITE -> IoCommand.WRITE;
                    default -> IoCommand.COMPARE;
                };
        int attributes = op == BlockOp.WRITE ? fua(flags) : 0;
        long block = lba;
        int slot = begin(request);
        for (int i = 0; i < list.size(); i++) {
            long address = list.address(i);
            long left = list.length(i);
            while (left > 0) {
                long taken = prps.add(address, left);
                if (taken == 0) {
                    block += transferOne(slot, namespace, opcode, attributes, block);
                    slot = begin(request);
                }
                address += taken;
                left -= taken;
            }
        }
        transferOne(slot, namespace, opcode, attributes, block);
    }

    private long transferOne(
            int slot, Namespace namespace, int opcode, int attributes, long block) {
        int blocks = (int) (prps.bytes() >> namespace.blockShift());
        // NLB is 0's based.
        enqueue(
                slot,
                opcode,
                namespace,
                (int) block,
                (int) (block >>> 32),
                blocks - 1 | attributes);
        return blocks;
    }

    /// Enqueues the command of a request without data.
    void command(int request, Namespace namespace, int op, int flags, long lba, int blocks) {
        int slot = begin(request);
        switch (op) {
            case BlockOp.FLUSH -> enqueue(slot, IoCommand.FLUSH, namespace, 0, 0, 0);
            case BlockOp.WRITE_ZEROES ->
                    enqueue(
                            slot,
                            IoCommand.WRITE_ZEROES,
                            namespace,
                            (int) lba,
                            (int) (lba >>> 32),
                            blocks - 1 | fua(flags));
            default -> {
                // One range, kept where a transfer would keep its list: context attributes (0),
                // length, first block.
                long range = prps.listOffset();
                LONG.set(lists, range, Integer.toUnsignedLong(blocks) << 32);
                LONG.set(lists, range + 8, lba);
                prps.add(prps.listAddress(), RANGE_BYTES);
                enqueue(slot, IoCommand.DATASET_MANAGEMENT, namespace, 0, DEALLOCATE, 0);
            }
        }
    }

    private static int fua(int flags) {
        return (flags & BlockOp.FUA) != 0 ? FUA : 0;
    }

    private int begin(int request) {
        int slot = slots.take(request);
        requests.addCommand(request);
        prps.begin(slot);
        return slot;
    }

    private void enqueue(
            int slot, int opcode, Namespace namespace, int cdw10, int cdw11, int cdw12) {
        pending[pendingCount++] = slot;
        SubmissionEntry.io(
                ring,
                tail,
                opcode,
                slots.commandId(slot),
                namespace.nsid(),
                prps.prp1(),
                prps.prp2(),
                cdw10,
                cdw11,
                cdw12);
        tail = tail + 1 == entries ? 0 : tail + 1;
    }
}
