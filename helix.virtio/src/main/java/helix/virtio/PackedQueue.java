package helix.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import java.lang.invoke.VarHandle;

/// A packed virtqueue, VIRTIO 1.2, section 2.8. Positions have the ring's wrap counter in bit 15,
/// as in the event suppression structures.
///
/// Of the buffers between two kicks, the first one's first flags are written last, by the kick: the
/// device reads descriptors in order and stops there. Until then, these flags look like neither
/// available nor used ones.
final class PackedQueue extends Virtqueue {
    private static final int WRAP = 1 << 15;
    private static final int POSITION = WRAP - 1;
    private static final int INDEX_MASK = 0xFFFF;
    private static final int STATE_FLAGS = Descriptor.AVAIL | Descriptor.USED;
    private static final int KIND_FLAGS = Descriptor.NEXT | Descriptor.WRITE | Descriptor.INDIRECT;

    /// Values of the event flags, 2.8.10.
    private static final int ENABLE = 0;

    private static final int DISABLE = 1;
    private static final int DESC = 2;
    private static final int EVENT_FLAGS = 3;

    private final int size;
    private final int segments;
    private final long descriptors;
    private final long driverEvent;
    private final long deviceEvent;

    /// The free ids, as a stack.
    private final int[] freeIds;

    private final Pieces pieces = new Pieces();
    private int freeIdCount;
    private int freeCount;

    /// The next descriptor to fill.
    private int next;

    /// The first descriptor that the device was not shown.
    private int shown;

    /// Where the next used descriptor is expected.
    private int lastUsed;

    /// How many descriptors the device has been shown and not used.
    private int available;

    /// 1 if interrupts are asked for.
    private int interrupts;

    /// Of the buffer being described: where its next piece goes, as a position or an offset in its
    /// table.
    private int cursor;

    private long at;
    private int begun;
    private boolean inTable;
    private int id;
    private int token;
    private int written;

    PackedQueue(
            Shape shape,
            QueueLayout layout,
            DmaBuffer buffer,
            MmioRegion doorbell,
            int doorbellValue) {
        super(shape, layout, buffer, doorbell, doorbellValue);
        size = shape.size();
        segments = shape.segments();
        descriptors = layout.descriptors();
        driverEvent = layout.driver();
        deviceEvent = layout.device();
        freeIds = new int[size];
    }

    /// Sets the ring up in zeroed memory. Both wrap counters begin with 1: 2.8.1.
    void initialize() {
        next = WRAP;
        shown = WRAP;
        lastUsed = WRAP;
        for (int i = 0; i < size; i++) {
            freeIds[i] = size - 1 - i;
        }
        freeIdCount = size;
        freeCount = size;
        cursor = next;
        disableInterrupts();
    }

    @Override
    public boolean begin(int count) {
        if (cursor != next) {
            abandon();
        }
        pieces.begin(count, segments);
        inTable = tabled(count);
        begun = inTable ? 1 : count;
        if (begun > freeCount) {
            pieces.forget();
            return false;
        }
        // There are as many ids as descriptors.
        id = freeIds[freeIdCount - 1];
        cursor = next;
        at = layout.tables() + layout.tableBytes() * id;
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
        if (inTable) {
            // 2.8.19: no flag but WRITE, and no id.
            Words.i64(memory, at, address);
            Words.i64(memory, at + 8, length | (long) (flags & Descriptor.WRITE) << 48);
            at += QueueLayout.DESCRIPTOR_BYTES;
        } else {
            place(address, length, flags);
        }
    }

    private void place(long address, int length, int flags) {
        int state = cursor == shown ? hidden(cursor) : available(cursor);
        long entry = offset(cursor);
        Words.i64(memory, entry, address);
        Words.i64(memory, entry + 8, length | (long) id << 32 | (long) (flags | state) << 48);
        cursor = after(cursor, 1);
    }

    @Override
    public void submit(int newToken) {
        int writable = pieces.end();
        change();
        if (inTable) {
            long table = layout.tables() + layout.tableBytes() * id;
            place(table(id), (int) (at - table), Descriptor.INDIRECT);
        }
        next = cursor;
        freeCount -= begun;
        freeIdCount--;
        slots.take(id, newToken, writable, begun);
    }

    @Override
    public boolean submitOne(long address, int length, boolean writable, int newToken) {
        int position = next;
        if (cursor != position) {
            abandon();
        }
        pieces.one(length);
        if (freeCount == 0) {
            return false;
        }
        change();
        freeIdCount--;
        int newId = freeIds[freeIdCount];
        int flags = position == shown ? hidden(position) : available(position);
        if (writable) {
            flags |= Descriptor.WRITE;
        }
        long entry = offset(position);
        Words.i64(memory, entry, address);
        Words.i64(memory, entry + 8, length | (long) newId << 32 | (long) flags << 48);
        next = after(position, 1);
        cursor = next;
        freeCount--;
        slots.take(newId, newToken, writable ? length : 0, 1);
        return true;
    }

    /// Takes back the descriptors of a buffer that was begun and never submitted: they stand where
    /// the device would look next.
    private void abandon() {
        pieces.forget();
        for (int position = next; position != cursor; position = after(position, 1)) {
            Words.i16(memory, offset(position) + 14, hidden(position));
        }
        cursor = next;
    }

    @Override
    public boolean kick() {
        int added = size - freeCount - available;
        if (added == 0 || isBroken()) {
            return false;
        }
        if (cursor != next) {
            abandon();
        }
        change();
        int old = shown;
        int kind = Words.u16(memory, offset(old) + 14) & KIND_FLAGS;
        // 2.8.21.1.1: everything else before the first flags.
        Words.i16Release(memory, offset(old) + 14, kind | available(old));
        // 2.8.21.3.1: the flags before looking whether the device wants to know. Only a full fence
        // keeps a load behind an earlier store.
        VarHandle.fullFence();
        shown = next;
        available += added;
        slots.show();
        boolean wanted = wantsKick(added);
        if (wanted) {
            ring();
        }
        return wanted;
    }

    private boolean wantsKick(int added) {
        int event = Words.i32Opaque(memory, deviceEvent);
        int flags = event >>> 16 & EVENT_FLAGS;
        if (flags != DESC || !eventIndex) {
            // Of the reserved value nothing is known but that an extra notification does no harm.
            return flags != DISABLE;
        }
        // Both as distances from the start of the lap that the next descriptor is in.
        int wanted = event & POSITION;
        if ((event & WRAP) != (next & WRAP)) {
            wanted -= size;
        }
        return ((next & POSITION) - wanted - 1 & INDEX_MASK) < added;
    }

    @Override
    public boolean poll() {
        int position = lastUsed;
        // Length, id and flags at once: 2.8.13.
        long used = Words.i64Acquire(memory, offset(position) + 8);
        int flags = (int) (used >>> 48);
        int expected = (position & WRAP) != 0 ? STATE_FLAGS : 0;
        if ((flags & STATE_FLAGS) != expected || available == 0 || isBroken()) {
            return unused(position, flags);
        }
        int usedId = (int) (used >>> 32) & INDEX_MASK;
        int count = slots.shownCount(usedId);
        if (count == 0) {
            return refuse(usedId, count, 0);
        }
        int length = (int) used;
        long word = slots.word(usedId);
        if (Integer.compareUnsigned(length, (int) (word >>> 32)) > 0) {
            // 2.8.5: without WRITE nothing was written and the length means nothing. But QEMU never
            // sets WRITE, so a length that can be one is taken for one.
            if ((flags & Descriptor.WRITE) != 0) {
                return refuse(usedId, count, length);
            }
            length = 0;
        }
        token = (int) word;
        written = length;
        change();
        slots.release(usedId);
        freeIds[freeIdCount++] = usedId;
        freeCount += count;
        available -= count;
        lastUsed = after(position, count);
        return true;
    }

    /// No used descriptor: is it what the driver left there?
    ///
    /// @return false
    private boolean unused(int position, int flags) {
        int expected = available(position);
        if (available > 0 && (flags & STATE_FLAGS) != expected) {
            return broken(
                    "descriptor "
                            + (position & POSITION)
                            + " has flags 0x"
                            + Integer.toHexString(flags));
        }
        if (available == 0 && isUsed(position, flags)) {
            return broken("used descriptor " + (position & POSITION) + " was not available");
        }
        return false;
    }

    private boolean refuse(int usedId, int count, int length) {
        return broken(
                count == 0
                        ? "used id " + usedId + " is not in flight"
                        : "used id "
                                + usedId
                                + " has length "
                                + Integer.toUnsignedString(length)
                                + " of "
                                + slots.writable(usedId));
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
        // Both fields at once.
        int event = eventIndex ? lastUsed | DESC << 16 : ENABLE;
        Words.i32Opaque(memory, driverEvent, event);
        // 2.8.22: what was used before the device saw that comes without an interrupt.
        VarHandle.fullFence();
        int flags = Words.u16Acquire(memory, offset(lastUsed) + 14);
        return isBroken() || !isUsed(lastUsed, flags);
    }

    @Override
    public void disableInterrupts() {
        interrupts = 0;
        Words.i32Opaque(memory, driverEvent, DISABLE << 16);
    }

    @Override
    public int free() {
        return freeCount;
    }

    private long offset(int position) {
        return descriptors + 16L * (position & POSITION);
    }

    /// At most one lap further on.
    private int after(int position, int count) {
        int index = (position & POSITION) + count;
        return index < size ? position + count : index - size | (~position & WRAP);
    }

    /// How far it is from one position to a later one, at most one lap.
    private int distance(int from, int to) {
        int steps = (to & POSITION) - (from & POSITION);
        return (from & WRAP) == (to & WRAP) ? steps : steps + size;
    }

    private static int available(int position) {
        return (position & WRAP) != 0 ? Descriptor.AVAIL : Descriptor.USED;
    }

    private static int hidden(int position) {
        return (position & WRAP) != 0 ? 0 : STATE_FLAGS;
    }

    private static boolean isUsed(int position, int flags) {
        return (flags & STATE_FLAGS) == ((position & WRAP) != 0 ? STATE_FLAGS : 0);
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
        next = position(submitted, "next position");
        shown = position(submitted >>> 16, "shown position");
        lastUsed = position(used, "used position");
        interrupts = used >>> 16;
        int taken = distance(lastUsed, next);
        available = distance(lastUsed, shown);
        QueueHeader.require(taken >= 0 && taken <= size, "next position", next);
        QueueHeader.require(available >= 0 && available <= taken, "shown position", shown);
        slots.restore(segments);
        int counted = 0;
        for (int i = size - 1; i >= 0; i--) {
            int count = slots.shownCount(i);
            counted += count;
            if (count == 0) {
                freeIds[freeIdCount++] = i;
            }
        }
        QueueHeader.require(counted == taken, "descriptors in flight", counted);
        freeCount = size - taken;
        restoreHidden(taken - available);
        // The generation before may have ended with a buffer begun: all that is free is taken back.
        int position = next;
        for (int i = 0; i < freeCount; i++) {
            int flags = Words.u16(memory, offset(position) + 14) & STATE_FLAGS;
            if (flags == available(position)) {
                Words.i16(memory, offset(position) + 14, hidden(position));
            }
            position = after(position, 1);
        }
        cursor = next;
    }

    /// What was submitted and not shown yet: whole buffers, whose descriptors have their ids.
    private void restoreHidden(int descriptorsLeft) {
        if (descriptorsLeft > 0) {
            int flags = Words.u16(memory, offset(shown) + 14) & STATE_FLAGS;
            QueueHeader.require(flags == hidden(shown), "flags of descriptor", shown & POSITION);
        }
        int position = shown;
        int left = descriptorsLeft;
        while (left > 0) {
            int count = slots.hide(Words.u16(memory, offset(position) + 12));
            position = after(position, count);
            left -= count;
        }
        QueueHeader.require(left == 0, "descriptors not shown", left);
    }

    private int position(int bits, String what) {
        int position = bits & INDEX_MASK;
        QueueHeader.require((position & POSITION) < size, what, position);
        return position;
    }
}
