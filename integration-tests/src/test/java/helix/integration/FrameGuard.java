package helix.integration;

import helix.driver.api.net.FramePool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/// Watches a pool of frames: what nobody may write is not written, and a frame has one owner.
final class FrameGuard {
    private static final long CANARIES = 0x5C5C_5C5C_5C5C_5C5CL;

    /// Of the headroom, what a driver does not need for a header: VIRTIO 1.2, section 5.1.6.
    private static final int UNUSED = FramePool.HEADROOM - 16;

    /// Each so many frames one is given to nobody.
    private static final int SENTINELS = 8;

    /// `sizeof(struct ethhdr)`.
    private static final int LEAST_FRAME = 14;

    private final FramePool pool;
    private final BitSet mine = new BitSet();
    private final BitSet sentinels = new BitSet();

    /// Takes all frames of a new pool that the device has not got yet, and gives most of them back.
    FrameGuard(FramePool pool) {
        this.pool = pool;
        pool.segment().fill((byte) CANARIES);
        for (int frame = pool.take(); frame >= 0; frame = pool.take()) {
            mine.set(frame);
        }
        mine.stream().filter(f -> f % SENTINELS == 0).forEach(sentinels::set);
        for (int frame = 0; frame < pool.count(); frame++) {
            if (mine.get(frame) && !sentinels.get(frame)) {
                give(frame);
            }
        }
    }

    /// A free frame, or -1.
    int take() {
        int frame = pool.take();
        if (frame >= 0) {
            own(frame);
        }
        return frame;
    }

    void give(int frame) {
        mine.clear(frame);
        pool.give(frame);
    }

    /// A frame is not ours any more, but the device's.
    void sent(int frame) {
        mine.clear(frame);
    }

    /// What a burst said was received.
    ///
    /// @param whole whether this is all of it
    void received(int frame, int length, boolean whole) {
        own(frame);
        if (length < (whole ? LEAST_FRAME : 0) || length > pool.capacity()) {
            throw new AssertionError("a piece of " + length + " bytes");
        }
    }

    private void own(int frame) {
        if (frame < 0 || frame >= pool.count() || mine.get(frame)) {
            throw new AssertionError("frame " + frame + " came, which nobody had given");
        }
        mine.set(frame);
    }

    /// Looks at what nobody may have written.
    void check() {
        MemorySegment memory = pool.segment();
        for (int frame = 0; frame < pool.count(); frame++) {
            long from = pool.at(frame) - FramePool.HEADROOM;
            long bytes =
                    sentinels.get(frame) ? FramePool.HEADROOM + (long) pool.capacity() : UNUSED;
            for (long at = from; at < from + bytes; at += Long.BYTES) {
                long found = memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
                if (found != CANARIES) {
                    throw new AssertionError(
                            "frame %d: %x at byte %d".formatted(frame, found, at - from));
                }
            }
        }
    }
}
