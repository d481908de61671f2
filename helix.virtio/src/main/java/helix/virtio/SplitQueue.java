package helix.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import java.lang.invoke.VarHandle;

/// A split virtqueue, VIRTIO 1.2, section 2.7. A buffer's id is its first descriptor's index.
final class SplitQueue extends Virtqueue {
    private static final int NO_INTERRUPT = 1;
    private static final int NO_NOTIFY = 1;
    private static final int INDEX_MASK = 0xFFFF;

    /// While interrupts are off, the index of the next one is moved on after so many used buffers.
    private static final int MOVE_EVENT = 0xFF;

    private final int size;
    private final int mask;
    private final int segments;
    private final long descriptors;
    private final long availableFlags;
    private final long availableIndex;
    private final long availableRing;
    private final long usedEvent;
    private final long usedFlags;
    private final long usedIndex;
    private final long usedRing;
    private final long availableEvent;

    /// The free list, and within a buffer the descriptor that follows.
    private final int[] following;

    private final Pieces pieces = new Pieces();
    private int firstFree;
    private int freeCount;

    /// Index that the next buffer gets in the available ring, modulo 2^16.
    private int next;

    /// The available index as the device was shown it.
    private int shown;

    /// Index of the next used element to take.
    private int lastUsed;

    /// The used index as last read and found good.
    private int seenUsed;

    /// 1 if interrupts are asked for.
    private int interrupts;

    /// Where the next piece goes: an offset of a descriptor or an indirect table's entry.
    private long at;

    /// The descriptor after that, or the entry's number in the table.
    private int cursor;

    private int begun;
    private boolean inTable;
    private int token;
    private int written;

    SplitQueue(
            Shape shape,
            QueueLayout layout,
            DmaBuffer buffer,
            MmioRegion doorbell,
            int doorbellValue) {
        super(shape, layout, buffer, doorbell, doorbellValue);
        size = shape.size();
        mask = size - 1;
        segments = shape.segments();
        descriptors = layout.descriptors();
        availableFlags = layout.driver();
        availableIndex = layout.driver() + 2;
        availableRing = layout.driver() + 4;
        usedEvent = availableRing + 2L * size;
        usedFlags = layout.device();
        usedIndex = layout.device() + 2;
        usedRing = layout.device() + 4;
        availableEvent = usedRing + 8L * size;
        following = new int[size];
    }

    /// Sets the rings up in zeroed memory.
    void initialize() {
        for (int i = 0; i < size; i++) {
            following[i] = i + 1;
        }
        freeCount = size;
        disableInterrupts();
    }

    @Override
    public boolean begin(int count) {
        pieces.begin(count, segments);
        inTable = tabled(count);
        begun = inTable ? 1 : count;
        if (begun > freeCount) {
            pieces.forget();
            return false;
        }
        if (inTable) {
            at = layout.tables() + layout.tableBytes() * firstFree;
            cursor = 1;
        } else {
            at = descriptors + 16L * firstFree;
            cursor = following[firstFree];
        }
        return true;
    }

    @Override
    public void out(long address, int length) {
        add(address, length, pieces.read(length) ? Descriptor.NEXT : 0);
    }

    @Override
    public void in(long address, int length) {
        boolean more = pieces.write(length);
        add(address, length, more ? Descriptor.NEXT | Descriptor.WRITE : Descriptor.WRITE);
    }

    private void add(long address, int length, int flags) {
        boolean more = (flags & Descriptor.NEXT) != 0;
        long link = more ? cursor : 0;
        describe(at, address, length | (long) flags << 32 | link << 48);
        if (!more) {
            return;
        }
        if (inTable) {
            at += QueueLayout.DESCRIPTOR_BYTES;
            cursor++;
        } else {
            at = descriptors + 16L * cursor;
            cursor = following[cursor];
        }
    }

    /// Writes a descriptor. What drivers describe often lies where it lay before, and a line that
    /// is not written need not be fetched anew by the device.
    private void describe(long entry, long address, long rest) {
        if (Words.i64(memory, entry) != address) {
            Words.i64(memory, entry, address);
        }
        if (Words.i64(memory, entry + 8) != rest) {
            Words.i64(memory, entry + 8, rest);
        }
    }

    @Override
    public void submit(int newToken) {
        int writable = pieces.end();
        change();
        int head = firstFree;
        int count = begun;
        if (inTable) {
            long entry = descriptors + 16L * head;
            long bytes = (long) cursor * QueueLayout.DESCRIPTOR_BYTES;
            describe(entry, table(head), bytes | (long) Descriptor.INDIRECT << 32);
            firstFree = following[head];
        } else {
            firstFree = cursor;
        }
        freeCount -= count;
        slots.take(head, newToken, writable, count);
        Words.i16(memory, availableRing + 2L * (next & mask), head);
        next = next + 1 & INDEX_MASK;
    }

    @Override
    public boolean submitOne(long address, int length, boolean writable, int newToken) {
        pieces.one(length);
        int head = firstFree;
        if (freeCount == 0) {
            return false;
        }
        change();
        long entry = descriptors + 16L * head;
        describe(entry, address, length | (writable ? (long) Descriptor.WRITE << 32 : 0));
        firstFree = following[head];
        freeCount--;
        slots.take(head, newToken, writable ? length : 0, 1);
        Words.i16(memory, availableRing + 2L * (next & mask), head);
        next = next + 1 & INDEX_MASK;
        return true;
    }

    @Override
    public boolean kick() {
        int added = next - shown & INDEX_MASK;
        if (added == 0 || isBroken()) {
            return false;
        }
        change();
        // 2.7.13.3.1: descriptors and ring before the index.
        Words.i16Release(memory, availableIndex, next);
        // 2.7.13.4.1: the index before looking whether the device wants to know. Only a full fence
        // keeps a load behind an earlier store.
        VarHandle.fullFence();
        shown = next;
        slots.show();
        boolean wanted;
        if (eventIndex) {
            int event = Words.u16Opaque(memory, availableEvent);
            wanted = (next - event - 1 & INDEX_MASK) < added;
        } else {
            wanted = (Words.u16Opaque(memory, usedFlags) & NO_NOTIFY) == 0;
        }
        if (wanted) {
            ring();
        }
        return wanted;
    }

    @Override
    public boolean poll() {
        if (lastUsed == seenUsed && !lookForUsed()) {
            return false;
        }
        long element = Words.i64(memory, usedRing + 8L * (lastUsed & mask));
        int id = (int) element;
        int length = (int) (element >>> 32);
        int count = slots.shownCount(id);
        if (count == 0) {
            return refuse(id, count, length);
        }
        long word = slots.word(id);
        if (Integer.compareUnsigned(length, (int) (word >>> 32)) > 0) {
            return refuse(id, count, length);
        }
        token = (int) word;
        written = length;
        change();
        slots.release(id);
        following[last(id, count)] = firstFree;
        firstFree = id;
        freeCount += count;
        lastUsed = lastUsed + 1 & INDEX_MASK;
        if ((lastUsed & MOVE_EVENT) == 0 && eventIndex && interrupts == 0) {
            suppress();
        }
        return true;
    }

    /// The last descriptor of a buffer.
    private int last(int head, int count) {
        int last = head;
        for (int i = 1; i < count; i++) {
            last = following[last];
        }
        return last;
    }

    private boolean lookForUsed() {
        // 2.7.14: the index before the elements.
        int index = Words.u16Acquire(memory, usedIndex);
        if (index == lastUsed || isBroken()) {
            return false;
        }
        int used = index - lastUsed & INDEX_MASK;
        int available = shown - lastUsed & INDEX_MASK;
        if (used > available) {
            return broken(
                    "used index "
                            + index
                            + " is "
                            + used
                            + " beyond "
                            + lastUsed
                            + " with "
                            + available
                            + " buffers available");
        }
        seenUsed = index;
        return true;
    }

    private boolean refuse(int id, int count, int length) {
        // Later calls come to lookForUsed, which says no.
        seenUsed = lastUsed;
        return broken(
                count == 0
                        ? "used id " + Integer.toUnsignedString(id) + " is not in flight"
                        : "used id "
                                + id
                                + " has length "
                                + Integer.toUnsignedString(length)
                                + " of "
                                + slots.writable(id));
    }

    @Override
    public int token() {
        return token;
    }

    @Override
    public int written() {
        return written;
    }

    @Override
    public boolean enableInterrupts() {
        interrupts = 1;
        if (eventIndex) {
            Words.i16Opaque(memory, usedEvent, lastUsed);
        } else {
            Words.i16Opaque(memory, availableFlags, 0);
        }
        // 2.7.14: what was used before the device saw that comes without an interrupt.
        VarHandle.fullFence();
        return isBroken() || Words.u16Acquire(memory, usedIndex) == lastUsed;
    }

    @Override
    public void disableInterrupts() {
        interrupts = 0;
        if (eventIndex) {
            suppress();
        } else {
            Words.i16Opaque(memory, availableFlags, NO_INTERRUPT);
        }
    }

    /// As far away as an index can be.
    private void suppress() {
        Words.i16Opaque(memory, usedEvent, lastUsed - 1 + 0x8000);
    }

    @Override
    public int free() {
        return freeCount;
    }

    @Override
    void keepIndexes() {
        QueueHeader.submitted(memory, next, shown);
        QueueHeader.used(memory, lastUsed, interrupts);
    }

    /// Goes on with what an earlier generation left.
    void restore() {
        int submitted = QueueHeader.submitted(memory);
        int used = QueueHeader.used(memory);
        next = submitted & INDEX_MASK;
        shown = submitted >>> 16;
        lastUsed = used & INDEX_MASK;
        interrupts = used >>> 16;
        int inFlight = next - lastUsed & INDEX_MASK;
        QueueHeader.require(inFlight <= size, "buffers in flight", inFlight);
        int available = shown - lastUsed & INDEX_MASK;
        QueueHeader.require(available <= inFlight, "shown index", shown);
        int inRing = Words.u16Acquire(memory, availableIndex);
        QueueHeader.require(inRing == shown, "available index", inRing);
        int usedInRing = Words.u16Acquire(memory, usedIndex);
        QueueHeader.require(
                (usedInRing - lastUsed & INDEX_MASK) <= available, "used index", usedInRing);
        seenUsed = lastUsed;
        slots.restore(segments);
        QueueHeader.require(slots.inFlight() == inFlight, "entries in flight", slots.inFlight());
        boolean[] mine = new boolean[size];
        for (int id = 0; id < size; id++) {
            if (slots.shownCount(id) > 0) {
                restoreChain(id, mine);
            }
        }
        for (int i = size - 1, after = size; i >= 0; i--) {
            if (!mine[i]) {
                following[i] = after;
                after = i;
                firstFree = i;
                freeCount++;
            }
        }
        for (int i = shown; i != next; i = i + 1 & INDEX_MASK) {
            int _ = slots.hide(Words.u16(memory, availableRing + 2L * (i & mask)));
        }
    }

    /// Follows a buffer's descriptors, which are nobody else's, and adds up what may be written.
    private void restoreChain(int head, boolean[] mine) {
        int count = slots.shownCount(head);
        long writable = 0;
        int id = head;
        for (int i = 0; i < count; i++) {
            QueueHeader.require(id < size && !mine[id], "descriptor", id);
            mine[id] = true;
            long word = Words.i64(memory, descriptors + 16L * id + 8);
            int flags = (int) (word >>> 32) & INDEX_MASK;
            if ((flags & Descriptor.INDIRECT) != 0) {
                QueueHeader.require(indirect && count == 1, "flags of descriptor", id);
                writable = tableLength(id, (int) word);
                break;
            }
            boolean more = (flags & Descriptor.NEXT) != 0;
            QueueHeader.require(more == (i < count - 1), "flags of descriptor", id);
            if ((flags & Descriptor.WRITE) != 0) {
                writable += Integer.toUnsignedLong((int) word);
            }
            if (more) {
                following[id] = (int) (word >>> 48);
                id = following[id];
            }
        }
        QueueHeader.require(writable == slots.writable(head), "writable bytes of entry", head);
    }

    private long tableLength(int id, int bytes) {
        long address = Words.i64(memory, descriptors + 16L * id);
        QueueHeader.require(address == table(id), "indirect table of descriptor", id);
        QueueHeader.require(
                bytes > 0 && bytes <= layout.tableBytes() && bytes % 16 == 0,
                "bytes of the indirect table of descriptor",
                id);
        long writable = 0;
        for (int i = 0; i < bytes; i += QueueLayout.DESCRIPTOR_BYTES) {
            long word = Words.i64(memory, layout.tables() + layout.tableBytes() * id + i + 8);
            if ((word >>> 32 & Descriptor.WRITE) != 0) {
                writable += Integer.toUnsignedLong((int) word);
            }
        }
        return writable;
    }
}
