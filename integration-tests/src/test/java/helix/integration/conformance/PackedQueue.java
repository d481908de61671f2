package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A packed virtqueue; VIRTIO 1.2, section 2.8.
final class PackedQueue extends RingQueue {
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;

    private final Deque<Integer> free = new ArrayDeque<>();
    private final Map<Integer, Integer> lengths = new HashMap<>();
    private int next;
    private boolean wrap = true;
    private int used;
    private boolean usedWrap = true;

    PackedQueue(VirtioRig rig, int index, int size, long features) {
        super(rig, index, size, features);
        for (int i = 0; i < size; i++) {
            free.add(i);
        }
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
        int id = free.remove();
        lengths.put(id, pieces.size());
        int head = next;
        int headFlags = 0;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            boolean last = i == pieces.size() - 1;
            int flags = (last ? 0 : NEXT) | (piece.write() ? WRITE : 0) | mine();
            store(at + 16L * next, piece.address(), piece.length(), id);
            if (i == 0) {
                headFlags = flags;
            } else {
                memory.set(JAVA_SHORT, at + 16L * next + 14, (short) flags);
            }
            advance();
        }
        publish(head, headFlags);
    }

    private int mine() {
        return wrap ? AVAIL : USED;
    }

    private void advance() {
        if (++next == size) {
            next = 0;
            wrap = !wrap;
        }
    }

    private void store(long place, long address, int length, int id) {
        memory.set(JAVA_LONG, place, address);
        memory.set(JAVA_INT, place + 8, length);
        memory.set(JAVA_SHORT, place + 12, (short) id);
    }

    /// The first descriptor's flags come last.
    private void publish(int head, int flags) {
        VarHandle.releaseFence();
        memory.set(JAVA_SHORT, at + 16L * head + 14, (short) flags);
        VarHandle.fullFence();
    }

    @Override
    void addIndirect(List<Piece> pieces) {
        long table = nextTable();
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            store(table + 16L * i, piece.address(), piece.length(), 0);
            memory.set(JAVA_SHORT, table + 16L * i + 14, (short) (piece.write() ? WRITE : 0));
        }
        int id = free.remove();
        lengths.put(id, 1);
        int head = next;
        int flags = INDIRECT | mine();
        store(at + 16L * head, rig.function().address(table), 16 * pieces.size(), id);
        advance();
        publish(head, flags);
    }

    @Override
    void suppress(boolean never) {
        if (eventIdx && !never) {
            memory.set(JAVA_SHORT, driverArea(), (short) (used | (usedWrap ? 1 << 15 : 0)));
            memory.set(JAVA_SHORT, driverArea() + 2, (short) 2);
        } else {
            memory.set(JAVA_SHORT, driverArea() + 2, (short) (never ? 1 : 0));
        }
        VarHandle.fullFence();
    }

    @Override
    boolean wantsKick() {
        int flags = memory.get(JAVA_SHORT, deviceArea() + 2) & 3;
        if (flags == 2) {
            int event = memory.get(JAVA_SHORT, deviceArea()) & 0xFFFF;
            int last = (next - 1 + size) % size;
            return (event & 0x7FFF) == last;
        }
        return flags == 0;
    }

    @Override
    protected long take() {
        int flags = memory.get(JAVA_SHORT, at + 16L * used + 14) & 0xFFFF;
        boolean available = (flags & AVAIL) != 0;
        boolean isUsed = (flags & USED) != 0;
        if (available != usedWrap || isUsed != usedWrap) {
            return -1;
        }
        VarHandle.acquireFence();
        int id = memory.get(JAVA_SHORT, at + 16L * used + 12) & 0xFFFF;
        long length = memory.get(JAVA_INT, at + 16L * used + 8) & 0xFFFF_FFFFL;
        Integer descriptors = lengths.remove(id);
        if (descriptors == null) {
            rig.say("id %d was not available", id);
            descriptors = 1;
        } else {
            free.add(id);
        }
        used += descriptors;
        if (used >= size) {
            used -= size;
            usedWrap = !usedWrap;
        }
        return length;
    }
}
