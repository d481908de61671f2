package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;
import java.lang.invoke.VarHandle;

/// The device's side of a split virtqueue: VIRTIO 1.2, section 2.7.
final class SplitRing extends Ring {
    private static final int FLAGS = 0;
    private static final int IDX = 2;
    private static final int ENTRIES = 4;
    private static final int NO_NOTIFY = 1;
    private static final int NO_INTERRUPT = 1;

    private int taker;
    private int user;
    private int published;
    private int told;

    SplitRing(DeviceContext device, QueueRegisters queue, long features) {
        super(device, queue, features);
    }

    @Override
    long driverBytes() {
        return ENTRIES + 2L * size + 2;
    }

    @Override
    long deviceBytes() {
        return ENTRIES + 8L * size + 2;
    }

    @Override
    boolean hasNext() {
        int available = Wire.u16Acquire(memory, driver + IDX);
        if ((available - taker & 0xFFFF) > size) {
            return fail(
                    "available index runs ahead (VIRTIO 1.2, 2.7.6)",
                    "idx - taken",
                    available - taker & 0xFFFF);
        }
        return available != taker;
    }

    @Override
    long mark() {
        return taker;
    }

    @Override
    void rewind(long mark) {
        taker = (int) mark;
    }

    @Override
    boolean next(Chain chain) {
        chain.clear();
        int at = Wire.u16(memory, driver + ENTRIES + 2L * (taker & size - 1));
        if (at >= size) {
            return fail("descriptor out of range (VIRTIO 1.2, 2.7.6)", "head", at);
        }
        taker = taker + 1 & 0xFFFF;
        chain.id = at;
        chain.descriptors = 1;
        for (int n = 0; n < size; n++) {
            long entry = descriptors + (long) at * DESCRIPTOR;
            long address = Wire.i64(memory, entry);
            long length = Wire.u32(memory, entry + 8);
            int flags = Wire.u16(memory, entry + 12);
            if ((flags & INDIRECT) != 0) {
                if ((flags & NEXT) != 0) {
                    return fail("INDIRECT with NEXT (VIRTIO 1.2, 2.7.5.3.1)", "descriptor", at);
                }
                return table(chain, address, length, true);
            }
            if (!piece(chain, address, length, (flags & WRITE) != 0)) {
                return false;
            }
            if ((flags & NEXT) == 0) {
                return true;
            }
            at = Wire.u16(memory, entry + 14);
            if (at >= size) {
                return fail("descriptor out of range (VIRTIO 1.2, 2.7.5)", "next", at);
            }
        }
        return fail("loop in a descriptor chain (VIRTIO 1.2, 2.7.5.2)", "head", chain.id);
    }

    @Override
    void use(int id, long written, int descriptorCount) {
        long element = used + ENTRIES + 8L * (user & size - 1);
        Wire.put32(memory, element, id);
        Wire.put32(memory, element + 4, (int) written);
        user = user + 1 & 0xFFFF;
    }

    @Override
    void publish() {
        if (published != user) {
            published = user;
            Wire.put16Release(memory, used + IDX, user);
        }
    }

    @Override
    boolean interruptDue() {
        int since = user - told & 0xFFFF;
        if (since == 0) {
            return false;
        }
        told = user;
        // The index before the driver's wish: 2.7.7.2.
        VarHandle.fullFence();
        if (eventIndex) {
            int event = Wire.u16Acquire(memory, driver + ENTRIES + 2L * size);
            return (user - event - 1 & 0xFFFF) < since;
        }
        return (Wire.u16Acquire(memory, driver + FLAGS) & NO_INTERRUPT) == 0;
    }

    @Override
    void notifications(boolean wanted) {
        if (eventIndex) {
            // An event that lies behind is not reached for the next 2^16 - size buffers: 2.7.10.
            int event = wanted ? taker : taker - 1;
            Wire.put16Release(memory, used + ENTRIES + 8L * size, event);
        } else {
            Wire.put16Release(memory, used + FLAGS, wanted ? 0 : NO_NOTIFY);
        }
        if (wanted) {
            VarHandle.fullFence();
        }
    }

    @Override
    void jump(int by) {
        user = user + by & 0xFFFF;
        publish();
    }
}
