package helix.driver.kit.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The device's side of a packed virtqueue: VIRTIO 1.2, section 2.8.
final class PackedDeviceRing extends DeviceRing {
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;
    private static final int ENABLE = 0;
    private static final int DISABLE = 1;
    private static final int DESC = 2;

    private final Set<Integer> taken = new HashSet<>();
    private int taker;
    private boolean takerWrap = true;
    private int user;
    private boolean userWrap = true;
    private int usedSinceTold;

    PackedDeviceRing(TestMachine machine, Place place) {
        super(machine, place);
    }

    @Override
    long driverBytes() {
        return 4;
    }

    @Override
    long deviceBytes() {
        return 4;
    }

    @Override
    public @Nullable RequestChain next() {
        MemorySegment ring = descriptorArea();
        if (!isAvailable(u16(ring, 16L * taker + 14))) {
            tellKicks();
            VarHandle.fullFence();
            if (!isAvailable(u16(ring, 16L * taker + 14))) {
                return null;
            }
        }
        List<RequestChain.Piece> pieces = noPieces();
        for (int n = 1; ; n++) {
            check(n <= size, "descriptors in a list", n);
            long entry = 16L * taker;
            int flags = u16(ring, entry + 14);
            // 2.8.21.1: all flags are right, not only the first descriptor's.
            check(isAvailable(flags), "flags of a list's descriptor", flags);
            if ((flags & INDIRECT) != 0) {
                check((flags & NEXT) == 0 && n == 1, "INDIRECT in a list", flags);
                readTable(u64(ring, entry), u32(ring, entry + 8), false, pieces);
            } else {
                addPiece(u64(ring, entry), u32(ring, entry + 8), (flags & WRITE) != 0, pieces);
            }
            int id = u16(ring, entry + 12);
            if (++taker == size) {
                taker = 0;
                takerWrap = !takerWrap;
            }
            if ((flags & NEXT) == 0) {
                check(taken.add(id), "id available twice", id);
                tellKicks();
                return new RequestChain(id, n, pieces);
            }
        }
    }

    private boolean isAvailable(int flags) {
        boolean avail = (flags & AVAIL) != 0;
        boolean used = (flags & USED) != 0;
        return avail == takerWrap && used != takerWrap;
    }

    @Override
    public void use(RequestChain chain, int written) {
        if (!taken.remove(chain.id())) {
            throw new IllegalArgumentException("not taken: " + chain.id());
        }
        MemorySegment ring = descriptorArea();
        long entry = 16L * user;
        u32(ring, entry + 8, written);
        u16(ring, entry + 12, chain.id());
        int flags = (userWrap ? AVAIL | USED : 0) | (written != 0 ? WRITE : 0);
        u16(ring, entry + 14, flags);
        user += chain.descriptors();
        if (user >= size) {
            user -= size;
            userWrap = !userWrap;
        }
        usedSinceTold += chain.descriptors();
    }

    @Override
    public boolean interruptDue() {
        VarHandle.fullFence();
        int since = usedSinceTold;
        usedSinceTold = 0;
        if (since == 0) {
            return false;
        }
        int flags = u16(driverArea(), 2);
        check(flags <= DESC, "driver event flags", flags);
        if (flags != DESC) {
            return flags == ENABLE;
        }
        check(eventIndex, "event by descriptor without the feature", flags);
        int event = u16(driverArea(), 0);
        int offset = event & 0x7FFF;
        check(offset < size, "driver event offset", offset);
        // 2.8.10: was this descriptor, of this lap, among those passed by?
        boolean wrap = event >>> 15 != 0;
        int distance = wrap == userWrap ? user - offset : user + size - offset;
        return distance > 0 && distance <= since;
    }

    @Override
    public void kicks(boolean wanted) {
        wantsKicks = wanted;
        tellKicks();
        VarHandle.fullFence();
    }

    private void tellKicks() {
        MemorySegment event = deviceArea();
        if (!wantsKicks) {
            u16(event, 2, DISABLE);
        } else if (eventIndex) {
            u16(event, 0, taker | (takerWrap ? 1 << 15 : 0));
            u16(event, 2, DESC);
        } else {
            u16(event, 2, ENABLE);
        }
    }

    @Override
    public int inFlight() {
        return taken.size();
    }
}
