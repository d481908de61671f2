package helix.integration.conformance;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A virtqueue as its driver sees it, with nothing hidden. VIRTIO 1.2, sections 2.7 and 2.8.
abstract class RingQueue {
    /// Memory of each queue.
    static final long SPACE = 0x8000;

    private static final long INDIRECT_TABLES = 0x8_0000;

    protected final VirtioRig rig;
    protected final MemorySegment memory;
    protected final int index;
    protected final int size;
    protected final boolean eventIdx;
    protected final long at;
    private int tables;

    /// A piece of a buffer.
    ///
    /// @param address the device address
    /// @param length in bytes
    /// @param write whether the device writes it
    record Piece(long address, int length, boolean write) {}

    protected RingQueue(VirtioRig rig, int index, int size, long features) {
        this.rig = rig;
        this.memory = rig.memory();
        this.index = index;
        this.size = size;
        this.eventIdx = (features >> VirtioRig.EVENT_IDX & 1) != 0;
        this.at = index * SPACE;
    }

    static RingQueue create(VirtioRig rig, int index, int size, long features) {
        return (features >> VirtioRig.PACKED & 1) != 0
                ? new PackedQueue(rig, index, size, features)
                : new SplitQueue(rig, index, size, features);
    }

    abstract long descriptors();

    abstract long driverArea();

    abstract long deviceArea();

    /// Makes a buffer available.
    abstract void add(List<Piece> pieces);

    /// Makes a buffer available whose pieces lie in a table of their own; 2.7.5.3 and 2.8.7.
    abstract void addIndirect(List<Piece> pieces);

    /// Says when the device is to send a message: never, or for the very next buffer.
    abstract void suppress(boolean never);

    /// Whether the device wants to be told of buffers now.
    abstract boolean wantsKick();

    /// Takes a used buffer if there is one.
    ///
    /// @return its length, -1 for none
    protected abstract long take();

    protected final long nextTable() {
        return INDIRECT_TABLES + index * SPACE + 0x400L * (tables++ % 16);
    }

    void kick() {
        rig.kick(index);
    }

    /// Waits for a used buffer and writes it down.
    ///
    /// @return whether one came
    boolean await(String what) {
        return await(what, VirtioRig.LIMIT) >= 0;
    }

    /// The same, for the length of what was used, -1 for nothing.
    long awaitLength(String what) {
        return await(what, VirtioRig.LIMIT);
    }

    /// Writes down that nothing is used, or what is.
    void quiet(String what) {
        long _ = await(what, VirtioRig.QUIET);
    }

    private long await(String what, long limit) {
        long end = System.nanoTime() + limit;
        long length;
        while ((length = take()) < 0) {
            // Nothing more comes from a device that says so.
            boolean broken = (rig.status() & VirtioRig.NEEDS_RESET) != 0;
            if (broken || System.nanoTime() - end > 0) {
                rig.say("%s: nothing, needs reset %d", what, rig.status() >> 6 & 1);
                return -1;
            }
            rig.work();
        }
        rig.say("%s: used, length %d", what, length);
        return length;
    }

    /// Makes a buffer available, tells the device and waits.
    boolean send(String what, List<Piece> pieces) {
        add(pieces);
        kick();
        return await(what);
    }
}
