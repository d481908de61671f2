package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.invoke.VarHandle;
import java.util.List;

/// A split virtqueue; VIRTIO 1.2, section 2.7.
final class SplitQueue extends RingQueue {
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;

    private int nextDescriptor;
    private int available;
    private int used;

    SplitQueue(VirtioRig rig, int index, int size, long features) {
        super(rig, index, size, features);
    }

    @Override
    long descriptors() {
        return at;
    }

    @Override
    long driverArea() {
        return at + 0x2000;
    }

    @Override
    long deviceArea() {
        return at + 0x4000;
    }

    @Override
    void add(List<Piece> pieces) {
        int head = nextDescriptor;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            int next = (nextDescriptor + 1) % size;
            boolean last = i == pieces.size() - 1;
            descriptor(
                    nextDescriptor,
                    piece.address(),
                    piece.length(),
                    (last ? 0 : NEXT) | (piece.write() ? WRITE : 0),
                    last ? 0 : next);
            nextDescriptor = next;
        }
        publish(head);
    }

    /// Writes a descriptor.
    void descriptor(int number, long address, int length, int flags, int next) {
        long place = descriptors() + 16L * number;
        store(place, address, length, flags, next);
    }

    private void store(long place, long address, int length, int flags, int next) {
        memory.set(JAVA_LONG, place, address);
        memory.set(JAVA_INT, place + 8, length);
        memory.set(JAVA_SHORT, place + 12, (short) flags);
        memory.set(JAVA_SHORT, place + 14, (short) next);
    }

    /// Puts a descriptor into the available ring.
    void publish(int head) {
        memory.set(JAVA_SHORT, driverArea() + 4 + 2L * (available % size), (short) head);
        available = available + 1 & 0xFFFF;
        VarHandle.releaseFence();
        memory.set(JAVA_SHORT, driverArea() + 2, (short) available);
        VarHandle.fullFence();
    }

    /// Puts the available index where it should not be.
    void availableIndex(int value) {
        available = value & 0xFFFF;
        memory.set(JAVA_SHORT, driverArea() + 2, (short) value);
        VarHandle.fullFence();
    }

    @Override
    void addIndirect(List<Piece> pieces) {
        long table = nextTable();
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            boolean last = i == pieces.size() - 1;
            store(
                    table + 16L * i,
                    piece.address(),
                    piece.length(),
                    (last ? 0 : NEXT) | (piece.write() ? WRITE : 0),
                    last ? 0 : i + 1);
        }
        int head = nextDescriptor;
        descriptor(head, rig.function().address(table), 16 * pieces.size(), INDIRECT, 0);
        nextDescriptor = (head + 1) % size;
        publish(head);
    }

    @Override
    void suppress(boolean never) {
        if (eventIdx) {
            int event = never ? used + 0x8000 : used;
            memory.set(JAVA_SHORT, driverArea() + 4 + 2L * size, (short) event);
        } else {
            memory.set(JAVA_SHORT, driverArea(), (short) (never ? 1 : 0));
        }
        VarHandle.fullFence();
    }

    @Override
    boolean wantsKick() {
        if (eventIdx) {
            int event = memory.get(JAVA_SHORT, deviceArea() + 4 + 8L * size) & 0xFFFF;
            return event == (available - 1 & 0xFFFF);
        }
        return (memory.get(JAVA_SHORT, deviceArea()) & 1) == 0;
    }

    @Override
    protected long take() {
        if ((memory.get(JAVA_SHORT, deviceArea() + 2) & 0xFFFF) == used) {
            return -1;
        }
        VarHandle.acquireFence();
        long place = deviceArea() + 4 + 8L * (used % size);
        used = used + 1 & 0xFFFF;
        return memory.get(JAVA_INT, place + 4) & 0xFFFF_FFFFL;
    }
}
