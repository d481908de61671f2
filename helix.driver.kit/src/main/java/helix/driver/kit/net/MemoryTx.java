package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.TxQueue;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;

/// What a [MemoryNetworkDevice] sends with: frames are on the wire at once, and come back to the
/// pool when the ring has no room, or at [#reclaim].
final class MemoryTx implements TxQueue {
    private final MemoryNetworkDevice device;
    private final FramePool pool;
    private final int depth;
    private final int[] entries;
    private int entryCount;
    private int inFlight;
    private boolean open = true;
    private volatile boolean woken;

    MemoryTx(MemoryNetworkDevice device, int depth, FramePool pool) {
        this.device = device;
        this.pool = pool;
        this.depth = depth;
        entries = new int[depth * device.limits().maxSegments()];
        pool.memory().hold();
    }

    @Override
    public int send(Burst burst) {
        if (!open && !device.does(NetFault.CLOSED_SENDS)) {
            return 0;
        }
        int taken = 0;
        String refusal = null;
        while (taken < burst.size()) {
            int count = 1;
            int total = burst.length(taken);
            while ((burst.flags(taken + count - 1) & Burst.MORE) != 0) {
                total += burst.length(taken + count);
                count++;
            }
            refusal = refusal(burst, taken, count, total);
            if (refusal != null) {
                break;
            }
            if (inFlight == depth && reclaim() == 0) {
                break;
            }
            put(burst, taken, count);
            device.count(4, 1);
            device.count(5, total);
            taken += count;
        }
        burst.dropFirst(taken);
        if (refusal != null) {
            device.count(6, 1);
            if (device.does(NetFault.REFUSED_DROPPED)) {
                burst.dropFirst(1);
            }
            throw new IllegalArgumentException(refusal);
        }
        return taken;
    }

    private @org.jspecify.annotations.Nullable String refusal(
            Burst burst, int from, int count, int total) {
        if (count > device.limits().maxSegments()) {
            return count + " segments";
        }
        if ((burst.flags(from) & ~Burst.MORE) != 0) {
            return "no offloads";
        }
        boolean fits =
                total >= Frames.LEAST
                        && total <= device.limits().maxFrame()
                        && burst.length(from) <= pool.capacity();
        boolean any = device.does(NetFault.ANY_SIZE_TAKEN) && burst.length(from) < pool.capacity();
        return fits || any ? null : "a frame of " + total + " bytes";
    }

    private void put(Burst burst, int from, int count) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = from; i < from + count; i++) {
            if (i == from || !device.does(NetFault.FIRST_SEGMENT_ONLY)) {
                bytes.writeBytes(
                        pool.segment()
                                .asSlice(pool.at(burst.frame(i)), burst.length(i))
                                .toArray(ValueLayout.JAVA_BYTE));
            }
            entries[entryCount++] = burst.frame(i);
        }
        inFlight++;
        device.transmit(bytes.toByteArray());
    }

    @Override
    public int reclaim() {
        int count = inFlight;
        int from = device.does(NetFault.LEAKED_SENT) ? 1 : 0;
        for (int i = from; i < entryCount; i++) {
            pool.give(entries[i]);
        }
        entryCount = 0;
        inFlight = 0;
        return count;
    }

    @Override
    public int inFlight() {
        return inFlight;
    }

    @Override
    public boolean await(long nanos) {
        long end = System.nanoTime() + nanos;
        while (inFlight == 0 && !woken && System.nanoTime() - end < 0) {
            MemoryNetworkDevice.pause();
        }
        woken = false;
        return inFlight > 0;
    }

    @Override
    public void wake() {
        woken = true;
    }

    @Override
    public int depth() {
        return depth;
    }

    @Override
    public FramePool pool() {
        return pool;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void close() {
        if (!open) {
            return;
        }
        int _ = reclaim();
        open = false;
        device.closed(this);
        pool.memory().drop();
    }
}
