package helix.block.internal;

import java.util.ArrayList;
import java.util.List;

/// Writes that may have changed blocks although nobody has acknowledged them: they failed, or it is
/// not known what became of them. Written where a request fails, read by a passage's test.
final class DoubtfulWrites {
    /// With more than that every block is in doubt.
    private static final int MOST = 4096;

    private record Range(long lba, long blocks) {
        boolean contains(long block) {
            return lba <= block && block - lba < blocks;
        }
    }

    private final List<Range> ended = new ArrayList<>();

    /// Of requests that were given up and may happen at any time.
    private final List<Range> pending = new ArrayList<>();

    private boolean watched;

    synchronized void watch() {
        watched = true;
    }

    synchronized void stopWatching() {
        watched = false;
        ended.clear();
    }

    /// A write has ended otherwise than well.
    synchronized void ended(long lba, long blocks) {
        if (watched && ended.size() <= MOST) {
            ended.add(new Range(lba, blocks));
        }
    }

    /// Nobody waits any more for a write that the device may still be at.
    synchronized void givenUp(long lba, long blocks) {
        if (pending.size() <= MOST) {
            pending.add(new Range(lba, blocks));
        }
    }

    synchronized boolean mayHaveChanged(long block) {
        return ended.size() > MOST
                || pending.size() > MOST
                || ended.stream().anyMatch(range -> range.contains(block))
                || pending.stream().anyMatch(range -> range.contains(block));
    }
}
