package helix.driver.block.virtio;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// A virtqueue and the requests in it: VIRTIO 1.2, section 5.2.6. Each request has a slot, which is
/// its token in the virtqueue, with header, range and status in memory that belongs to the lease.
///
/// For one thread at a time, but for [#isOverdue]. One or two [clients][ClientQueue] use it.
final class Ring {
    /// What each slot has: the header, the range of a discard, the status.
    static final int SLOT_BYTES = 64;

    private static final int RANGE = 16;
    private static final int STATUS = 32;
    private static final int HEADER_BYTES = 16;
    private static final int RANGE_BYTES = 16;
    private static final byte NO_STATUS = (byte) 0xFF;

    // Constants, so that accesses allocate nothing whatever compiles them.
    private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
    private static final VarHandle INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    /// The slot has no request.
    static final byte FREE = 0;

    /// The request ends with what is in flight.
    static final byte LAST = 1;

    /// A flush follows before the request ends: a write with FUA to a volatile cache.
    static final byte FLUSH_FOLLOWS = 2;

    /// A request of nobody's any more.
    static final byte ORPHAN = 3;

    final int index;
    final DmaBuffer queueMemory;
    final DmaBuffer slotMemory;

    private final BlkDevice device;
    private Virtqueue queue;
    private final MemorySegment slots;
    private final MmioRegion doorbell;
    private final int doorbellValue;
    private final int segmentBytes;
    private final int maxHeld;
    private final int[] tags;
    private final byte[] phases;
    private final byte[] sides;
    private final @Nullable DmaBuffer[] held;
    private final int[] heldCounts;
    private final int[] free;
    private int freeCount;

    /// Of each slot, when the device was shown it; 0 for not yet. Read by the watch too.
    private final long[] shownAt;

    /// Slots that the device was not shown yet.
    private final int[] pending;

    private int pendingCount;

    /// A notification is owed: the machine did not answer.
    private boolean owed;

    /// When completions were looked for the last time.
    private volatile long lookedAt;

    private final @Nullable ClientQueue[] clients = new @Nullable ClientQueue[2];

    /// Makes a ring around a virtqueue, with nothing in flight.
    Ring(BlkDevice device, Virtqueue queue, DmaBuffer queueMemory, DmaBuffer slotMemory) {
        this.device = device;
        this.queue = queue;
        this.queueMemory = queueMemory;
        this.slotMemory = slotMemory;
        slots = slotMemory.segment();
        index = queue.shape().index();
        doorbell = device.transport().doorbell(index);
        doorbellValue = device.transport().doorbellValue(index);
        segmentBytes = device.config().segmentBytes();
        int size = queue.shape().size();
        maxHeld = BlkConfig.MAX_SEGMENTS;
        tags = new int[size];
        phases = new byte[size];
        sides = new byte[size];
        held = new @Nullable DmaBuffer[size * maxHeld];
        heldCounts = new int[size];
        shownAt = new long[size];
        pending = new int[size];
        free = new int[size];
        freeCount = size;
        for (int i = 0; i < size; i++) {
            free[i] = size - 1 - i;
        }
    }

    int size() {
        return tags.length;
    }

    Virtqueue queue() {
        return queue;
    }

    /// Goes on with a fresh virtqueue, after the device has forgotten the one before.
    ///
    /// @param side whose requests end with ABORTED
    void renew(Virtqueue fresh, int side) {
        queue = fresh;
        reserve();
        owed = false;
        endAll(side, BlockStatus.ABORTED);
    }

    // ---- Clients

    @Nullable ClientQueue client(int side) {
        return clients[side];
    }

    void client(int side, @Nullable ClientQueue client) {
        clients[side] = client;
        reserve();
    }

    /// Whatever the clients have in flight, each of their requests finds an entry.
    private void reserve() {
        int depths = 0;
        for (ClientQueue client : clients) {
            depths += client == null ? 0 : client.depth();
        }
        queue.reserve(depths);
    }

    /// How many requests a side has in flight.
    int inFlight(int side) {
        int count = 0;
        for (int slot = 0; slot < phases.length; slot++) {
            if (phases[slot] != FREE && phases[slot] != ORPHAN && sides[slot] == side) {
                count++;
            }
        }
        return count;
    }

    // ---- Submission

    /// Puts a request with data into the virtqueue, for the next [#kick].
    ///
    /// @param flush whether a flush is to follow
    /// @return false if there is no room
    /// @throws IllegalStateException if a buffer is closed, or the lease is over
    boolean transfer(int side, int op, long sector, ScatterList list, int tag, boolean flush) {
        int segments = 2;
        for (int i = 0; i < list.size(); i++) {
            segments += (int) ((list.length(i) + segmentBytes - 1) / segmentBytes);
        }
        if (freeCount == 0) {
            return false;
        }
        int slot = free[freeCount - 1];
        hold(slot, list);
        if (!queue.begin(segments)) {
            dropAll(slot);
            return false;
        }
        try {
            boolean in = op == BlockOp.READ;
            header(slot, in ? Blk.T_IN : Blk.T_OUT, sector);
            for (int i = 0; i < list.size(); i++) {
                piece(list.address(i), list.length(i), in);
            }
            take(slot, side, tag, flush);
            return true;
        } catch (IllegalStateException e) {
            // The lease is over before the device was shown the request.
            dropAll(slot);
            throw e;
        }
    }

    private void piece(long address, long length, boolean in) {
        long at = address;
        for (long left = length; left > 0; ) {
            int bytes = (int) Math.min(left, segmentBytes);
            if (in) {
                queue.in(at, bytes);
            } else {
                queue.out(at, bytes);
            }
            at += bytes;
            left -= bytes;
        }
    }

    /// Puts a flush into the virtqueue.
    ///
    /// @return false if there is no room
    boolean flush(int side, int tag) {
        if (freeCount == 0 || !queue.begin(2)) {
            return false;
        }
        int slot = free[freeCount - 1];
        header(slot, Blk.T_FLUSH, 0);
        take(slot, side, tag, false);
        return true;
    }

    /// Puts a discard or write zeroes into the virtqueue.
    ///
    /// @return false if there is no room
    boolean range(int side, int type, long sector, int sectors, int tag, boolean flush) {
        if (freeCount == 0 || !queue.begin(3)) {
            return false;
        }
        int slot = free[freeCount - 1];
        long at = (long) slot * SLOT_BYTES + RANGE;
        LONG.set(slots, at, sector);
        INT.set(slots, at + 8, sectors);
        // Without the unmap flag: a driver's promise of zeroes must not depend on it.
        INT.set(slots, at + 12, 0);
        // The sector of the header is 0 for these, section 5.2.6.1.
        header(slot, type, 0);
        queue.out(slotMemory.address() + at, RANGE_BYTES);
        take(slot, side, tag, flush);
        return true;
    }

    private void header(int slot, int type, long sector) {
        long at = (long) slot * SLOT_BYTES;
        INT.set(slots, at, type);
        INT.set(slots, at + 4, 0);
        LONG.set(slots, at + 8, sector);
        BYTE.set(slots, at + STATUS, NO_STATUS);
        queue.out(slotMemory.address() + at, HEADER_BYTES);
    }

    private void take(int slot, int side, int tag, boolean flush) {
        submit(slot);
        freeCount--;
        tags[slot] = tag;
        sides[slot] = (byte) side;
        phases[slot] = flush ? FLUSH_FOLLOWS : LAST;
    }

    private void submit(int slot) {
        queue.in(slotMemory.address() + (long) slot * SLOT_BYTES + STATUS, 1);
        queue.submit(slot);
        pending[pendingCount++] = slot;
    }

    private void hold(int slot, ScatterList list) {
        DmaBuffer last = null;
        int from = slot * maxHeld;
        try {
            for (int i = 0; i < list.size(); i++) {
                DmaBuffer buffer = list.buffer(i);
                if (buffer != last) {
                    buffer.hold();
                    held[from + heldCounts[slot]++] = buffer;
                    last = buffer;
                }
            }
        } catch (IllegalStateException e) {
            dropAll(slot);
            throw e;
        }
    }

    private void dropAll(int slot) {
        int from = slot * maxHeld;
        for (int i = from; i < from + heldCounts[slot]; i++) {
            DmaBuffer buffer = held[i];
            held[i] = null;
            if (buffer != null) {
                buffer.drop();
            }
        }
        heldCounts[slot] = 0;
    }

    boolean hasPending() {
        return pendingCount > 0 || owed;
    }

    /// Shows the device what was submitted.
    void kick() {
        if (pendingCount > 0) {
            long now = device.clock().now();
            for (int i = 0; i < pendingCount; i++) {
                shownAt[pending[i]] = now;
            }
            pendingCount = 0;
            owed = true;
            int _ = queue.kick() ? 1 : 0;
            owed = false;
        } else if (owed) {
            doorbell.write16(0, doorbellValue);
            owed = false;
        }
    }

    // ---- Completion

    /// Takes what the device has used, and leaves it to the clients.
    void collect() {
        while (queue.poll()) {
            finish(queue.token());
        }
        long now = device.clock().now();
        if (lookedAt != now) {
            lookedAt = now;
        }
        if (queue.isBroken()) {
            device.fault("queue %d is broken: %s".formatted(index, queue.defect()));
        }
    }

    private void finish(int slot) {
        if (slot < 0 || slot >= phases.length || phases[slot] == FREE) {
            device.fault(
                    "queue %d: request %d ended that was not in flight".formatted(index, slot));
            return;
        }
        int status = status(slot);
        if (phases[slot] == FLUSH_FOLLOWS && status == BlockStatus.OK) {
            if (queue.begin(2)) {
                phases[slot] = LAST;
                header(slot, Blk.T_FLUSH, 0);
                shownAt[slot] = 0;
                submit(slot);
                return;
            }
            // Written, but not known to be durable. What the write had used is free, so there is
            // room always.
            status = BlockStatus.IO_ERROR;
        }
        end(slot, status);
    }

    private int status(int slot) {
        int status = (byte) BYTE.get(slots, (long) slot * SLOT_BYTES + STATUS) & 0xFF;
        return switch (status) {
            case Blk.S_OK -> BlockStatus.OK;
            case Blk.S_UNSUPP -> BlockStatus.UNSUPPORTED;
            default -> BlockStatus.IO_ERROR;
        };
    }

    private void end(int slot, int status) {
        ClientQueue client = phases[slot] == ORPHAN ? null : clients[sides[slot]];
        int tag = tags[slot];
        phases[slot] = FREE;
        shownAt[slot] = 0;
        dropAll(slot);
        free[freeCount++] = slot;
        if (client != null) {
            client.ended(tag, status);
        }
    }

    /// Ends all requests of a side.
    ///
    /// @param status what they end with; OUTCOME_UNKNOWN keeps their memory held for good
    void endAll(int side, int status) {
        for (int slot = 0; slot < phases.length; slot++) {
            if (phases[slot] != FREE && phases[slot] != ORPHAN && sides[slot] == side) {
                if (status == BlockStatus.OUTCOME_UNKNOWN) {
                    abandon(slot);
                }
                end(slot, status);
            }
        }
        pendingCount = 0;
    }

    /// Keeps the memory of a request held for good, because the device may still write to it.
    private void abandon(int slot) {
        int from = slot * maxHeld;
        Arrays.fill(held, from, from + heldCounts[slot], null);
        heldCounts[slot] = 0;
    }

    /// Asks for an interrupt at the next completion.
    ///
    /// @return false if there is one already
    boolean arm() {
        return queue.enableInterrupts();
    }

    /// Asks for none.
    void disarm() {
        queue.disableInterrupts();
    }

    /// Whether a request has been with the device for too long, although its owner has looked. Any
    /// thread; what it sees may be some time old.
    boolean isOverdue(long limit) {
        long looked = lookedAt;
        for (long shown : shownAt) {
            if (shown != 0 && looked - shown >= limit) {
                return true;
            }
        }
        return false;
    }

    // ---- From one generation to the next

    /// A request in flight.
    ///
    /// @param slot its slot
    /// @param side whose it is
    /// @param tag the client's
    /// @param phase [#LAST] or [#FLUSH_FOLLOWS]
    record InFlight(int slot, int side, int tag, int phase) {}

    void forEachInFlight(java.util.function.Consumer<InFlight> to) {
        for (int slot = 0; slot < phases.length; slot++) {
            if (phases[slot] != FREE && phases[slot] != ORPHAN) {
                to.accept(new InFlight(slot, sides[slot], tags[slot], phases[slot]));
            }
        }
    }

    /// Takes over a request of the generation before; its memory is its client's to hold.
    void restore(InFlight request) {
        tags[request.slot] = request.tag;
        sides[request.slot] = (byte) request.side;
        phases[request.slot] = (byte) request.phase;
        shownAt[request.slot] = device.clock().now();
    }

    /// After all were restored: what the virtqueue has beside is nobody's.
    void restored() {
        IntConsumer orphan =
                slot -> {
                    if (slot >= 0 && slot < phases.length && phases[slot] == FREE) {
                        phases[slot] = ORPHAN;
                        shownAt[slot] = device.clock().now();
                    }
                };
        queue.forEachInFlight(orphan);
        freeCount = 0;
        for (int slot = phases.length - 1; slot >= 0; slot--) {
            if (phases[slot] == FREE) {
                free[freeCount++] = slot;
            }
        }
    }

    /// The requests are the next generation's: their memory is let go of.
    void passOn() {
        for (int slot = 0; slot < phases.length; slot++) {
            dropAll(slot);
            phases[slot] = FREE;
            shownAt[slot] = 0;
        }
        pendingCount = 0;
    }
}
