package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.RxQueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What a [MemoryNetworkDevice] receives with: a ring of frames that wait, of which the first ones
/// are filled.
final class MemoryRx implements RxQueue {
    private final MemoryNetworkDevice device;
    private final FramePool pool;
    private final int[] frames;
    private final int[] lengths;
    private int head;
    private int filled;
    private int posted;
    private volatile boolean open = true;
    private volatile boolean woken;
    private boolean ranDry;

    MemoryRx(MemoryNetworkDevice device, int depth, FramePool pool) {
        this.device = device;
        this.pool = pool;
        frames = new int[depth];
        lengths = new int[depth];
        pool.memory().hold();
    }

    synchronized void arrive(byte[] frame) {
        if (device.does(NetFault.LOST_RECEIVED)) {
            return;
        }
        if (filled == posted) {
            device.count(3, 1);
            return;
        }
        int at = (head + filled) % frames.length;
        MemorySegment.copy(
                frame, 0, pool.segment(), ValueLayout.JAVA_BYTE, pool.at(frames[at]), frame.length);
        lengths[at] = device.does(NetFault.TRUNCATED) ? frame.length - 1 : frame.length;
        filled++;
    }

    @Override
    public synchronized int receive(Burst burst) {
        if (!open) {
            return 0;
        }
        int count = 0;
        while (burst.room() > 0 && filled > 0) {
            burst.add(frames[head], lengths[head], 0);
            device.count(0, 1);
            device.count(1, lengths[head]);
            head = (head + 1) % frames.length;
            filled--;
            posted--;
            count++;
        }
        while (posted < frames.length && !(ranDry && device.does(NetFault.DRY_FOR_GOOD))) {
            int frame = pool.take();
            if (frame < 0) {
                ranDry = posted == 0;
                break;
            }
            frames[(head + posted) % frames.length] = frame;
            posted++;
        }
        return count;
    }

    private synchronized boolean isReady() {
        return filled > 0;
    }

    @Override
    public boolean await(long nanos) {
        long end = System.nanoTime() + nanos;
        while (!isReady()) {
            if (woken && !device.does(NetFault.WAKE_IGNORED)) {
                woken = false;
                return false;
            }
            if (System.nanoTime() - end >= 0) {
                return false;
            }
            MemoryNetworkDevice.pause();
        }
        return true;
    }

    @Override
    public void wake() {
        woken = true;
    }

    @Override
    public int depth() {
        return frames.length;
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
    public synchronized void close() {
        if (!open) {
            return;
        }
        open = false;
        device.closed(this);
        int back = device.does(NetFault.LEAKED_RECEIVING) ? posted - 1 : posted;
        for (int i = 0; i < back; i++) {
            pool.give(frames[(head + i) % frames.length]);
        }
        posted = 0;
        filled = 0;
        pool.memory().drop();
    }
}
