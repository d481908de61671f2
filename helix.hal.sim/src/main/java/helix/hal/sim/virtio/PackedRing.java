package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;
import java.lang.invoke.VarHandle;

/// The device's side of a packed virtqueue: VIRTIO 1.2, section 2.8.
final class PackedRing extends Ring {
    private static final int AVAIL = 1 << 7;
    private static final int USED = 1 << 15;
    private static final int EVENT_BYTES = 4;
    private static final int EVENT_FLAGS = 2;
    private static final int ENABLE = 0;
    private static final int DISABLE = 1;
    private static final int DESC = 2;
    private static final int WRAP = 1 << 15;

    private int taker;
    private boolean takerWrap = true;
    private int user;
    private boolean userWrap = true;
    private int since;

    PackedRing(DeviceContext device, QueueRegisters queue, long features) {
        super(device, queue, features);
    }

    @Override
    long driverBytes() {
        return EVENT_BYTES;
    }

    @Override
    long deviceBytes() {
        return EVENT_BYTES;
    }

    @Override
    boolean hasNext() {
        return isAvailable(Wire.u16Acquire(memory, descriptors + (long) taker * DESCRIPTOR + 14));
    }

    private boolean isAvailable(int flags) {
        boolean avail = (flags & AVAIL) != 0;
        boolean used = (flags & USED) != 0;
        return avail == takerWrap && used != takerWrap;
    }

    @Override
    long mark() {
        return taker | (takerWrap ? WRAP : 0);
    }

    @Override
    void rewind(long mark) {
        taker = (int) mark & WRAP - 1;
        takerWrap = (mark & WRAP) != 0;
    }

    @Override
    boolean next(Chain chain) {
        chain.clear();
        for (int n = 1; n <= size; n++) {
            long entry = descriptors + (long) taker * DESCRIPTOR;
            long address = Wire.i64(memory, entry);
            long length = Wire.u32(memory, entry + 8);
            int flags = Wire.u16(memory, entry + 14);
            if (n > 1 && !isAvailable(flags)) {
                return fail("all flags of a list are set (VIRTIO 1.2, 2.8.6)", "descriptor", taker);
            }
            boolean fits;
            if ((flags & INDIRECT) == 0) {
                fits = piece(chain, address, length, (flags & WRITE) != 0);
            } else if (n > 1 || (flags & NEXT) != 0) {
                fits = fail("INDIRECT in a list (VIRTIO 1.2, 2.8.19)", "descriptor", taker);
            } else {
                fits = table(chain, address, length, false);
            }
            if (!fits) {
                return false;
            }
            int id = Wire.u16(memory, entry + 12);
            if (++taker == size) {
                taker = 0;
                takerWrap = !takerWrap;
            }
            if ((flags & NEXT) == 0) {
                chain.id = id;
                chain.descriptors = n;
                return true;
            }
        }
        return fail("descriptor list longer than the queue (VIRTIO 1.2, 2.8.17)", "at", taker);
    }

    @Override
    void use(int id, long written, int descriptorCount) {
        long entry = descriptors + (long) user * DESCRIPTOR;
        Wire.put32(memory, entry + 8, (int) written);
        Wire.put16(memory, entry + 12, id);
        int flags = (userWrap ? AVAIL | USED : 0) | (written != 0 ? WRITE : 0);
        Wire.put16Release(memory, entry + 14, flags);
        skip(descriptorCount);
        since += descriptorCount;
    }

    private void skip(int count) {
        user += count;
        if (user >= size) {
            user -= size;
            userWrap = !userWrap;
        }
    }

    @Override
    void publish() {
        // Each used descriptor is seen with its flags.
    }

    @Override
    boolean interruptDue() {
        int count = since;
        if (count == 0) {
            return false;
        }
        since = 0;
        VarHandle.fullFence();
        int flags = Wire.u16Acquire(memory, driver + EVENT_FLAGS) & 3;
        if (flags == ENABLE) {
            return true;
        }
        if (flags != DESC) {
            return false;
        }
        if (!eventIndex) {
            device.violation(
                    "RING_EVENT_FLAGS_DESC without EVENT_IDX (VIRTIO 1.2, 2.8.10)",
                    "queue " + index);
            return true;
        }
        int event = Wire.u16Acquire(memory, driver);
        int offset = event & WRAP - 1;
        boolean wrap = (event & WRAP) != 0;
        // Was this descriptor, of this lap, among those passed by?
        int distance = wrap == userWrap ? user - offset : user + size - offset;
        return distance > 0 && distance <= count;
    }

    @Override
    void notifications(boolean wanted) {
        if (!wanted) {
            Wire.put16Release(memory, used + EVENT_FLAGS, DISABLE);
        } else if (eventIndex) {
            Wire.put16(memory, used, taker | (takerWrap ? WRAP : 0));
            Wire.put16Release(memory, used + EVENT_FLAGS, DESC);
        } else {
            Wire.put16Release(memory, used + EVENT_FLAGS, ENABLE);
        }
        if (wanted) {
            VarHandle.fullFence();
        }
    }

    @Override
    void jump(int by) {
        skip(by % size);
    }
}
