package helix.hal.sim.virtio;

import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Piece;
import helix.hal.sim.virtio.Host.Used;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/// VIRTIO 1.2, section 2.8.
final class PackedHostRing extends HostRing {
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;

    private final Deque<Integer> ids = new ArrayDeque<>();
    private final int[] lengths;
    private int at;
    private boolean wrap = true;
    private int added;
    private int seen;
    private boolean seenWrap = true;

    PackedHostRing(Host host, int index, int size, long features) {
        super(host, index, size, features);
        descriptors = host.allocate(16L * size, 16);
        driver = host.allocate(4, 4);
        device = host.allocate(4, 4);
        lengths = new int[size];
        for (int i = 0; i < size; i++) {
            ids.add(i);
        }
    }

    @Override
    int add(List<Piece> pieces) {
        int id = ids.remove();
        long first = descriptors + 16L * at;
        int firstFlags = 0;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            int flags = (piece.write() ? 2 : 0) | (i + 1 < pieces.size() ? 1 : 0) | here();
            long entry = descriptors + 16L * at;
            descriptor(
                    entry,
                    host.address(piece.offset()),
                    piece.length(),
                    id,
                    i == 0 ? Wire.u16(memory(), entry + 14) : flags);
            firstFlags = i == 0 ? flags : firstFlags;
            step();
        }
        lengths[id] = pieces.size();
        added += pieces.size();
        Wire.put16Release(memory(), first + 14, firstFlags);
        return id;
    }

    @Override
    int addIndirect(List<Piece> pieces) {
        int id = ids.remove();
        long table = table(pieces, false);
        long entry = descriptors + 16L * at;
        int flags = 4 | here();
        descriptor(
                entry,
                host.address(table),
                16L * pieces.size(),
                id,
                Wire.u16(memory(), entry + 14));
        lengths[id] = 1;
        added++;
        step();
        Wire.put16Release(memory(), entry + 14, flags);
        return id;
    }

    private int here() {
        return wrap ? AVAIL : USED;
    }

    private void step() {
        if (++at == size) {
            at = 0;
            wrap = !wrap;
        }
    }

    @Override
    boolean kickDue() {
        VarHandle.fullFence();
        int since = added;
        added = 0;
        int flags = Wire.u16Acquire(memory(), device + 2) & 3;
        if (flags != 2) {
            return since > 0 && flags == 0;
        }
        int event = Wire.u16Acquire(memory(), device);
        int offset = event & 0x7FFF;
        int distance = (event & 0x8000) != 0 == wrap ? at - offset : at + size - offset;
        return distance > 0 && distance <= since;
    }

    @Override
    Used poll() {
        long entry = descriptors + 16L * seen;
        int flags = Wire.u16Acquire(memory(), entry + 14);
        boolean avail = (flags & AVAIL) != 0;
        boolean used = (flags & USED) != 0;
        if (avail != used || used != seenWrap) {
            return null;
        }
        int id = Wire.u16(memory(), entry + 12);
        long length = (flags & 2) != 0 ? Wire.u32(memory(), entry + 8) : 0;
        if (id < size) {
            ids.add(id);
            seen += lengths[id];
            if (seen >= size) {
                seen -= size;
                seenWrap = !seenWrap;
            }
        }
        return new Used(id, length);
    }

    @Override
    void interrupts(boolean wanted) {
        if (!wanted) {
            Wire.put16Release(memory(), driver + 2, 1);
        } else if (eventIndex) {
            Wire.put16(memory(), driver, seen | (seenWrap ? 0x8000 : 0));
            Wire.put16Release(memory(), driver + 2, 2);
        } else {
            Wire.put16Release(memory(), driver + 2, 0);
        }
        VarHandle.fullFence();
    }
}
