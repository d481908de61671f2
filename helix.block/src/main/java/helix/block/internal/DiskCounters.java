package helix.block.internal;

import helix.block.api.Disk;
import java.util.ArrayList;
import java.util.List;

/// The counters of a disk: those of its open queues, and the sum of all else.
final class DiskCounters {
    /// Plain calls and queues that were closed. Guarded by this.
    private final Tally settled = new Tally();

    private final List<Tally> live = new ArrayList<>();

    /// A tally for a queue.
    synchronized Tally open() {
        Tally tally = new Tally();
        live.add(tally);
        return tally;
    }

    /// The queue of a tally is closed.
    synchronized void close(Tally tally) {
        if (live.remove(tally)) {
            settled.addAll(tally);
        }
    }

    /// A plain call ended.
    synchronized void ended(int op, long bytes, int status) {
        settled.ended(op, bytes, status);
    }

    synchronized Disk.Statistics snapshot() {
        Tally sum = new Tally();
        sum.addAll(settled);
        live.forEach(sum::addAll);
        return sum.snapshot();
    }
}
