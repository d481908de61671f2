package helix.driver.kit.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The device's side of a split virtqueue: VIRTIO 1.2, section 2.7.
final class SplitDeviceRing extends DeviceRing {
    private static final int FLAGS = 0;
    private static final int INDEX = 2;
    private static final int RING = 4;

    private final Set<Integer> taken = new HashSet<>();
    private int taker;
    private int user;
    private int told;

    SplitDeviceRing(TestMachine machine, Place place) {
        super(machine, place);
    }

    @Override
    long driverBytes() {
        return 6 + 2L * size;
    }

    @Override
    long deviceBytes() {
        return 6 + 8L * size;
    }

    @Override
    public @Nullable RequestChain next() {
        MemorySegment available = driverArea();
        int index = u16(available, INDEX);
        if (index == taker) {
            tellKicks();
            // What came before the driver could see that would be lost.
            VarHandle.fullFence();
            index = u16(available, INDEX);
        }
        int count = index - taker & 0xFFFF;
        if (count == 0) {
            return null;
        }
        check(count + taken.size() <= size, "available index", index);
        int flags = u16(available, FLAGS);
        check(eventIndex ? flags == 0 : flags <= 1, "available flags", flags);
        int head = u16(available, RING + 2L * (taker % size));
        check(taken.add(head), "head available twice", head);
        taker = taker + 1 & 0xFFFF;
        tellKicks();
        return read(head);
    }

    private RequestChain read(int head) {
        MemorySegment table = descriptorArea();
        List<RequestChain.Piece> pieces = noPieces();
        int at = head;
        for (int n = 1; ; n++) {
            check(n <= size, "loop in chain", head);
            check(at < size, "descriptor", at);
            long entry = 16L * at;
            int flags = u16(table, entry + 12);
            if ((flags & INDIRECT) != 0) {
                check((flags & NEXT) == 0, "INDIRECT and NEXT in descriptor", at);
                readTable(u64(table, entry), u32(table, entry + 8), true, pieces);
            } else {
                addPiece(u64(table, entry), u32(table, entry + 8), (flags & WRITE) != 0, pieces);
            }
            if ((flags & NEXT) == 0) {
                return new RequestChain(head, n, pieces);
            }
            at = u16(table, entry + 14);
        }
    }

    @Override
    public void use(RequestChain chain, int written) {
        if (!taken.remove(chain.id())) {
            throw new IllegalArgumentException("not taken: " + chain.id());
        }
        MemorySegment used = deviceArea();
        long element = RING + 8L * (user % size);
        u32(used, element, chain.id());
        u32(used, element + 4, written);
        user = user + 1 & 0xFFFF;
        u16(used, INDEX, user);
    }

    @Override
    public boolean interruptDue() {
        VarHandle.fullFence();
        int since = user - told & 0xFFFF;
        told = user;
        if (since == 0) {
            return false;
        }
        if (eventIndex) {
            // 2.7.7.2: if the index from which an element was written is the event.
            int event = u16(driverArea(), RING + 2L * size);
            return (user - event - 1 & 0xFFFF) < since;
        }
        return u16(driverArea(), FLAGS) == 0;
    }

    @Override
    public void kicks(boolean wanted) {
        wantsKicks = wanted;
        tellKicks();
        VarHandle.fullFence();
    }

    private void tellKicks() {
        if (eventIndex) {
            int event = wantsKicks ? taker : taker - 1 + 0x8000;
            u16(deviceArea(), RING + 8L * size, event);
        } else {
            u16(deviceArea(), FLAGS, wantsKicks ? 0 : 1);
        }
    }

    @Override
    public int inFlight() {
        return taken.size();
    }
}
