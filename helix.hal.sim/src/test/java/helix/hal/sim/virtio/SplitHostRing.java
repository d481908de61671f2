package helix.hal.sim.virtio;

import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Piece;
import helix.hal.sim.virtio.Host.Used;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/// VIRTIO 1.2, section 2.7.
final class SplitHostRing extends HostRing {
    private final Deque<Integer> free = new ArrayDeque<>();
    private final int[] lengths;
    int available;
    private int told;
    private int seen;

    SplitHostRing(Host host, int index, int size, long features) {
        super(host, index, size, features);
        descriptors = host.allocate(16L * size, 16);
        driver = host.allocate(6 + 2L * size, 2);
        device = host.allocate(6 + 8L * size, 4);
        lengths = new int[size];
        for (int i = 0; i < size; i++) {
            free.add(i);
        }
    }

    @Override
    int add(List<Piece> pieces) {
        int[] at = new int[pieces.size()];
        for (int i = 0; i < at.length; i++) {
            at[i] = free.remove();
        }
        for (int i = 0; i < at.length; i++) {
            Piece piece = pieces.get(i);
            boolean more = i + 1 < at.length;
            descriptor(
                    descriptors + 16L * at[i],
                    host.address(piece.offset()),
                    piece.length(),
                    (piece.write() ? 2 : 0) | (more ? 1 : 0),
                    more ? at[i + 1] : 0);
        }
        lengths[at[0]] = at.length;
        offer(at[0]);
        return at[0];
    }

    @Override
    int addIndirect(List<Piece> pieces) {
        int at = free.remove();
        long table = table(pieces, true);
        descriptor(descriptors + 16L * at, host.address(table), 16L * pieces.size(), 4, 0);
        lengths[at] = 1;
        offer(at);
        return at;
    }

    /// Puts a head into the available ring, whatever it is.
    void offer(int head) {
        Wire.put16(memory(), driver + 4 + 2L * (available & size - 1), head);
        available = available + 1 & 0xFFFF;
        Wire.put16Release(memory(), driver + 2, available);
    }

    @Override
    boolean kickDue() {
        VarHandle.fullFence();
        int since = available - told & 0xFFFF;
        told = available;
        if (eventIndex) {
            int event = Wire.u16Acquire(memory(), device + 4 + 8L * size);
            return (available - event - 1 & 0xFFFF) < since;
        }
        return since > 0 && (Wire.u16Acquire(memory(), device) & 1) == 0;
    }

    int usedIndex() {
        return Wire.u16Acquire(memory(), device + 2);
    }

    @Override
    Used poll() {
        if (usedIndex() == seen) {
            return null;
        }
        long element = device + 4 + 8L * (seen & size - 1);
        seen = seen + 1 & 0xFFFF;
        int id = (int) Wire.u32(memory(), element);
        if (id < size) {
            int at = id;
            for (int i = 0; i < lengths[id]; i++) {
                free.add(at);
                at = Wire.u16(memory(), descriptors + 16L * at + 14);
            }
        }
        return new Used(id, Wire.u32(memory(), element + 4));
    }

    @Override
    void interrupts(boolean wanted) {
        if (eventIndex) {
            Wire.put16Release(memory(), driver + 4 + 2L * size, wanted ? seen : seen - 1);
        } else {
            Wire.put16Release(memory(), driver, wanted ? 0 : 1);
        }
        VarHandle.fullFence();
    }
}
