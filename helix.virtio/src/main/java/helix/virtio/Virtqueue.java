package helix.virtio;

import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/// The driver's side of a virtqueue, split or packed: VIRTIO 1.2, sections 2.7 and 2.8. Nothing
/// here allocates, and no request costs a lock. For one thread at a time.
///
/// Making buffers available: [#begin], then [#out] and [#in] for each piece, device-readable ones
/// first, then [#submit]; after some of these [#kick] shows all to the device. Taking used ones:
/// [#poll] until it says false; after each true, [#token] and [#written].
///
/// All that the driver has to remember goes, with [#keep], into the queue's memory beside the
/// rings, so that the next generation can [#adopt] it with what is in flight. What the device
/// writes is not believed: an id that is not in flight, a length that is longer than what it may
/// write, or an index that jumps make the queue [broken][#isBroken()]; it then gives nothing any
/// more.
public abstract sealed class Virtqueue permits SplitQueue, PackedQueue {
    /// The features of [VirtioFeature] that concern queues and are supported here. Which of them a
    /// queue uses follows from what was negotiated.
    public static final long FEATURES =
            VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_EVENT_IDX
                    | VirtioFeature.RING_PACKED
                    | VirtioFeature.NOTIF_CONFIG_DATA
                    | VirtioFeature.RING_RESET;

    /// What would change the rings or the notifications and must not have been negotiated.
    static final long REFUSED = VirtioFeature.IN_ORDER | VirtioFeature.NOTIFICATION_DATA;

    final Shape shape;
    final QueueLayout layout;
    final MemorySegment memory;
    final Slots slots;
    final boolean indirect;
    final boolean eventIndex;

    private final long address;
    private final MmioRegion doorbell;
    private final int doorbellValue;
    private boolean broken;

    /// How many entries stay free when a buffer of several pieces goes without a table.
    private int reserve;

    /// What is in memory for the next generation is as things are.
    private boolean kept;

    private String defect = "";

    /// Only the two formats there are.
    Virtqueue(
            Shape shape,
            QueueLayout layout,
            DmaBuffer buffer,
            MmioRegion doorbell,
            int doorbellValue) {
        this.shape = shape;
        this.layout = layout;
        this.doorbell = doorbell;
        this.doorbellValue = doorbellValue;
        memory = buffer.segment();
        address = buffer.address();
        slots = new Slots(memory, shape.size());
        indirect = layout.tableBytes() > 0;
        reserve = shape.size();
        eventIndex = QueueLayout.has(shape, VirtioFeature.RING_EVENT_IDX);
    }

    /// What a queue is like.
    ///
    /// @param index its number in the device
    /// @param size how many entries: 1 to 32768, for split queues a power of two
    /// @param features what was negotiated; the ring format follows from it
    /// @param segments the most pieces of one buffer, 1 to the size; with [indirect
    ///   descriptors][VirtioFeature#RING_INDIRECT_DESC] a table of this size is set aside for each
    ///   entry, and a buffer of several pieces takes one entry only, unless [#reserve] leaves more
    public record Shape(int index, int size, long features, int segments) {}

    /// How much memory a queue needs, its own bookkeeping included.
    ///
    /// @param shape what it is like
    /// @return bytes; physically contiguous and aligned to 4096
    /// @throws IllegalArgumentException if there is no such queue
    public static long bytes(Shape shape) {
        return QueueLayout.of(shape).bytes();
    }

    /// Sets a queue up in zeroed memory.
    ///
    /// @param shape what it is like
    /// @param memory of at least [#bytes], belonging to the lease
    /// @param doorbell where notifications are written
    /// @param doorbellValue what is written
    /// @return the queue, with nothing available; it asks for no interrupts
    /// @throws IllegalArgumentException if there is no such queue, or the memory is too small or
    ///   not aligned
    public static Virtqueue create(
            Shape shape, DmaBuffer memory, MmioRegion doorbell, int doorbellValue) {
        QueueLayout layout = QueueLayout.of(shape);
        requireFits(memory, layout);
        QueueHeader.write(memory.segment(), memory.address(), shape, layout);
        if (QueueLayout.has(shape, VirtioFeature.RING_PACKED)) {
            PackedQueue queue = new PackedQueue(shape, layout, memory, doorbell, doorbellValue);
            queue.initialize();
            return queue;
        }
        SplitQueue queue = new SplitQueue(shape, layout, memory, doorbell, doorbellValue);
        queue.initialize();
        return queue;
    }

    /// Goes on with a queue that an earlier generation set up, and with what is in flight there.
    ///
    /// @param memory that queue's memory, adopted
    /// @param doorbell where notifications are written
    /// @param doorbellValue what is written
    /// @return the queue; [#inFlight()] buffers come back by [#poll] with the tokens given to the
    ///   earlier generation
    /// @throws IllegalArgumentException if the memory does not hold an intact queue of a layout
    ///   that is understood here, [kept][#keep] and not used since, saying what is wrong
    public static Virtqueue adopt(DmaBuffer memory, MmioRegion doorbell, int doorbellValue) {
        Shape shape = QueueHeader.read(memory);
        QueueLayout layout = QueueLayout.of(shape);
        requireFits(memory, layout);
        QueueHeader.requireBytes(memory, layout);
        if (QueueLayout.has(shape, VirtioFeature.RING_PACKED)) {
            PackedQueue queue = new PackedQueue(shape, layout, memory, doorbell, doorbellValue);
            queue.restore();
            queue.markKept();
            return queue;
        }
        SplitQueue queue = new SplitQueue(shape, layout, memory, doorbell, doorbellValue);
        queue.restore();
        queue.markKept();
        return queue;
    }

    private static void requireFits(DmaBuffer memory, QueueLayout layout) {
        if (memory.size() < layout.bytes()) {
            throw new IllegalArgumentException(
                    memory + " is too small for a queue of " + layout.bytes() + " bytes");
        }
        // Ordered accesses need the alignment on this side, too.
        if (memory.address() % QueueLayout.ALIGNMENT != 0
                || memory.segment().address() % Long.BYTES != 0) {
            throw new IllegalArgumentException(memory + " is not aligned for a queue");
        }
    }

    /// What the queue is like.
    ///
    /// @return as given to [#create]
    public final Shape shape() {
        return shape;
    }

    /// Device address of the descriptor area.
    ///
    /// @return for [VirtioTransport#enableQueue]
    public final long descriptorArea() {
        return address + layout.descriptors();
    }

    /// Device address of the driver area.
    ///
    /// @return for [VirtioTransport#enableQueue]
    public final long driverArea() {
        return address + layout.driver();
    }

    /// Device address of the device area.
    ///
    /// @return for [VirtioTransport#enableQueue]
    public final long deviceArea() {
        return address + layout.device();
    }

    /// Lets buffers of several pieces go without a table, of which the device would read one more
    /// cache line, as long as so many entries stay free. Without this all have tables, if there are
    /// tables at all.
    ///
    /// @param entries as many as there will be buffers at the same time
    public final void reserve(int entries) {
        reserve = entries;
    }

    /// Whether a buffer gets a table.
    final boolean tabled(int pieces) {
        return indirect && pieces > 1 && free() - pieces < reserve;
    }

    /// Begins a buffer.
    ///
    /// @param segments how many pieces it will have, 1 to the shape's
    /// @return false if there is no room for so many
    public abstract boolean begin(int segments);

    /// Adds a piece that the device reads.
    ///
    /// @param address its device address
    /// @param length bytes, at least 1
    public abstract void out(long address, int length);

    /// Adds a piece that the device writes to; after all that it reads.
    ///
    /// @param address its device address
    /// @param length bytes, at least 1
    public abstract void in(long address, int length);

    /// Ends the buffer; it becomes visible to the device with the next [#kick].
    ///
    /// @param token given back by [#token()], 0 to 2^32 - 1
    public abstract void submit(int token);

    /// Begins and submits a buffer of one piece: what [#begin], [#out] or [#in], and [#submit] do,
    /// for less.
    ///
    /// @param address its device address
    /// @param length bytes, at least 1
    /// @param written whether the device writes to it, else it reads
    /// @param token given back by [#token()], 0 to 2^32 - 1
    /// @return false if there is no room
    public abstract boolean submitOne(long address, int length, boolean written, int token);

    /// Makes what was submitted available, and notifies the device if it wants that.
    ///
    /// @return whether it was notified
    public abstract boolean kick();

    /// Takes one used buffer.
    ///
    /// @return false if there is none, or the queue is broken
    public abstract boolean poll();

    /// Whose buffer [#poll] took.
    ///
    /// @return as given to [#submit]
    public abstract int token();

    /// How much the device says that it has written into that buffer.
    ///
    /// @return bytes, at most what was offered to it
    public abstract int written();

    /// Asks for an interrupt when the next buffer is used.
    ///
    /// @return false if one was used meanwhile: poll first, no interrupt may come
    public abstract boolean enableInterrupts();

    /// Asks for no interrupts. They may come all the same.
    public abstract void disableInterrupts();

    /// Writes what the next generation has to know into the queue's memory. Valid until the next
    /// submission, kick or completion.
    public final void keep() {
        QueueHeader.renew(memory, address, shape, layout);
        slots.keep();
        keepIndexes();
        kept = true;
    }

    /// What is in memory is as things are.
    final void markKept() {
        kept = true;
    }

    /// Writes indexes and interrupt state.
    abstract void keepIndexes();

    /// What was kept does not count any more: before each change of what is in flight.
    final void change() {
        if (kept) {
            kept = false;
            QueueHeader.outdate(memory);
        }
    }

    /// How many buffers were submitted and not taken back.
    ///
    /// @return 0 to the shape's size
    public final int inFlight() {
        return slots.inFlight();
    }

    /// How many entries are free.
    ///
    /// @return 0 to the shape's size
    public abstract int free();

    /// Whether the device broke the rules.
    ///
    /// @return true from then on
    public final boolean isBroken() {
        return broken;
    }

    /// What the device did.
    ///
    /// @return one line naming the index, id or length; empty if nothing
    public final String defect() {
        return defect;
    }

    /// Calls for each buffer in flight, in no order: for what has to be ended after a reset.
    ///
    /// @param consumer gets the tokens
    public final void forEachInFlight(IntConsumer consumer) {
        slots.forEach(consumer);
    }

    /// Device address of the indirect table of an entry or id.
    final long table(int id) {
        return address + layout.tables() + layout.tableBytes() * id;
    }

    /// Tells the device that there is something new: 4.1.5.2.
    final void ring() {
        doorbell.write16(0, doorbellValue);
    }

    /// The device broke the rules.
    ///
    /// @return false
    final boolean broken(String what) {
        if (!broken) {
            broken = true;
            defect = "queue " + shape.index() + ": " + what;
        }
        return false;
    }
}
