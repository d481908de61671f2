package helix.hal.sim.virtio;

import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DmaPort;
import java.lang.foreign.MemorySegment;

/// The device's side of a virtqueue in memory. It takes buffers in order and uses them in any.
abstract sealed class Ring permits SplitRing, PackedRing {
    static final int DESCRIPTOR = 16;
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    final DeviceContext device;
    final DmaPort port;
    final MemorySegment memory;
    final int index;
    final int size;
    final boolean eventIndex;
    private final boolean indirectAllowed;
    private final long descriptorArea;
    private final long driverArea;
    private final long deviceArea;

    /// Where the areas lie in memory, for as long as the model's method runs.
    long descriptors;

    long driver;
    long used;

    private boolean broken;

    Ring(DeviceContext device, QueueRegisters queue, long features) {
        this.device = device;
        port = device.dma();
        memory = port.memory();
        index = queue.index;
        size = queue.size;
        eventIndex = (features & Feature.EVENT_IDX) != 0;
        indirectAllowed = (features & Feature.INDIRECT_DESC) != 0;
        descriptorArea = queue.descriptorArea;
        driverArea = queue.driverArea;
        deviceArea = queue.deviceArea;
    }

    static Ring of(DeviceContext device, QueueRegisters queue, long features) {
        return (features & Feature.RING_PACKED) != 0
                ? new PackedRing(device, queue, features)
                : new SplitRing(device, queue, features);
    }

    /// Translates the areas, for as long as the model's method runs.
    ///
    /// @return false if the function must not reach one of them
    final boolean map() {
        descriptors = port.translate(descriptorArea, (long) size * DESCRIPTOR, true);
        driver = port.translate(driverArea, driverBytes(), false);
        used = port.translate(deviceArea, deviceBytes(), true);
        return descriptors != DmaPort.REFUSED
                && driver != DmaPort.REFUSED
                && used != DmaPort.REFUSED;
    }

    /// Whether the driver broke the ring's rules, so that the device cannot go on with it.
    final boolean isBroken() {
        return broken;
    }

    abstract long driverBytes();

    abstract long deviceBytes();

    /// Whether a buffer is available.
    abstract boolean hasNext();

    /// Takes the next buffer, which is available.
    ///
    /// @return false if it breaks the rules
    abstract boolean next(Chain chain);

    /// Where [#next] stands.
    abstract long mark();

    /// Lets [#next] go on from there again.
    abstract void rewind(long mark);

    /// Marks a buffer used.
    abstract void use(int id, long written, int descriptorCount);

    /// What of [#use] is not to be seen at once is seen from now on.
    abstract void publish();

    /// Whether the driver wants to be told of what was used since this was asked last.
    abstract boolean interruptDue();

    /// Asks the driver to notify or not to notify of what it makes available. What it makes
    /// available after this is notified of, or seen by the next [#hasNext].
    abstract void notifications(boolean wanted);

    /// The fault of an index that runs away.
    abstract void jump(int by);

    final boolean fail(String rule, String what, long value) {
        broken = true;
        device.violation(rule, "queue " + index + ": " + what + " " + value);
        return false;
    }

    /// Adds a descriptor's piece.
    final boolean piece(Chain chain, long address, long length, boolean write) {
        if (length == 0) {
            return fail(
                    "each descriptor describes a buffer (VIRTIO 1.2, 2.7.5)",
                    "piece",
                    chain.count());
        }
        if (!write && chain.count() > chain.readable()) {
            return fail(
                    "writable after readable descriptors (VIRTIO 1.2, 2.7.4.2)",
                    "readable piece after a writable one:",
                    chain.count());
        }
        long offset = port.translate(address, length, write);
        if (offset == DmaPort.REFUSED) {
            broken = true; // the machine has reported it
            return false;
        }
        return chain.add(offset, length, write)
                || fail("descriptor chain too long (VIRTIO 1.2, 2.7.5.3.1)", "limit", Chain.LIMIT);
    }

    /// Reads an indirect table: VIRTIO 1.2, sections 2.7.5.3 and 2.8.7.
    final boolean table(Chain chain, long address, long length, boolean linked) {
        if (!indirectAllowed) {
            return fail(
                    "INDIRECT not negotiated (VIRTIO 1.2, 2.7.5.3.1)", "table of bytes", length);
        }
        if (length == 0 || length % DESCRIPTOR != 0) {
            return fail("size of an indirect table (VIRTIO 1.2, 2.7.5.3.2)", "bytes", length);
        }
        long count = length / DESCRIPTOR;
        if (count > Chain.LIMIT) {
            return fail(
                    "descriptor chain too long (VIRTIO 1.2, 2.7.5.3.1)", "indirect table", count);
        }
        if (count > size) {
            // The chain may still be short enough; QEMU takes it as well.
            device.violation(
                    "descriptor chain longer than the queue (VIRTIO 1.2, 2.7.5.3.1)",
                    "queue " + index + ": indirect table of " + count);
        }
        long at = port.translate(address, length, false);
        if (at == DmaPort.REFUSED) {
            broken = true;
            return false;
        }
        return linked ? linkedTable(chain, at, (int) count) : flatTable(chain, at, (int) count);
    }

    private boolean flatTable(Chain chain, long at, int count) {
        for (int i = 0; i < count; i++) {
            long entry = at + (long) i * DESCRIPTOR;
            boolean write = (Wire.u16(memory, entry + 14) & WRITE) != 0;
            if (!piece(chain, Wire.i64(memory, entry), Wire.u32(memory, entry + 8), write)) {
                return false;
            }
        }
        return true;
    }

    private boolean linkedTable(Chain chain, long at, int count) {
        int next = 0;
        for (int n = 0; n < count; n++) {
            long entry = at + (long) next * DESCRIPTOR;
            int flags = Wire.u16(memory, entry + 12);
            if ((flags & INDIRECT) != 0) {
                return fail("nested indirect table (VIRTIO 1.2, 2.7.5.3.1)", "entry", next);
            }
            boolean write = (flags & WRITE) != 0;
            if (!piece(chain, Wire.i64(memory, entry), Wire.u32(memory, entry + 8), write)) {
                return false;
            }
            if ((flags & NEXT) == 0) {
                return true;
            }
            next = Wire.u16(memory, entry + 14);
            if (next >= count) {
                return fail("next beyond the indirect table (VIRTIO 1.2, 2.7.5)", "next", next);
            }
        }
        return fail("loop in a descriptor chain (VIRTIO 1.2, 2.7.5.2)", "indirect table", count);
    }
}
