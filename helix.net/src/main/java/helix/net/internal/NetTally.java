package helix.net.internal;

import helix.net.api.NetworkInterface.Statistics;
import java.util.concurrent.atomic.AtomicLongArray;

/// Counts frames of an interface. What its user does is counted by the user's thread, with plain
/// stores; all may be read at any time.
final class NetTally {
    private static final int RX_FRAMES = 0;
    private static final int RX_BYTES = 1;
    private static final int TX_FRAMES = 2;
    private static final int TX_BYTES = 3;
    private static final int TX_DROPPED = 4;
    private static final int TX_PARKED = 5;
    private static final int ADOPTED = 6;

    /// By threads of the platform.
    private static final int RX_DROPPED = 7;

    /// By threads of the platform.
    private static final int GENERATIONS = 8;

    /// Part of TX_DROPPED.
    private static final int TX_UNKNOWN = 9;

    private static final int SIZE = 10;

    private final AtomicLongArray counts = new AtomicLongArray(SIZE);

    private void add(int index, long amount) {
        counts.setOpaque(index, counts.getPlain(index) + amount);
    }

    void received(int frames, long bytes) {
        add(RX_FRAMES, frames);
        add(RX_BYTES, bytes);
    }

    void sent(int frames, long bytes) {
        add(TX_FRAMES, frames);
        add(TX_BYTES, bytes);
    }

    /// Frames that were to be sent are given up.
    void dropped(int frames) {
        add(TX_DROPPED, frames);
    }

    /// Frames were with a device when it was reset: they may have gone out or not. A network may
    /// lose frames, so they count as dropped, but nobody was told of an error.
    void unknown(int frames) {
        add(TX_UNKNOWN, frames);
        dropped(frames);
    }

    /// Frames wait for a driver.
    void parked(int frames) {
        add(TX_PARKED, frames);
    }

    /// Frames that a generation was sending are sent by the next one.
    void adopted(int frames) {
        add(ADOPTED, frames);
    }

    /// Frames came and were lost. Any thread.
    void lost(long frames) {
        counts.addAndGet(RX_DROPPED, frames);
    }

    /// A generation serves. Any thread.
    void generation() {
        counts.incrementAndGet(GENERATIONS);
    }

    long adopted() {
        return counts.getOpaque(ADOPTED);
    }

    /// How many frames certainly did not go out.
    long failed() {
        return counts.getOpaque(TX_DROPPED) - counts.getOpaque(TX_UNKNOWN);
    }

    /// How many frames were moved.
    long moved() {
        return counts.getOpaque(RX_FRAMES) + counts.getOpaque(TX_FRAMES);
    }

    /// The counters now.
    ///
    /// @param lostNow frames that the generation now there has lost
    Statistics statistics(long lostNow) {
        return new Statistics(
                counts.getOpaque(RX_FRAMES),
                counts.getOpaque(RX_BYTES),
                counts.getOpaque(RX_DROPPED) + lostNow,
                counts.getOpaque(TX_FRAMES),
                counts.getOpaque(TX_BYTES),
                counts.getOpaque(TX_DROPPED),
                counts.getOpaque(TX_PARKED),
                counts.getOpaque(GENERATIONS));
    }
}
