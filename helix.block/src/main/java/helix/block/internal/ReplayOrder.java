package helix.block.internal;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// The order of a disk's writes over all its queues, so that one that is submitted again after a
/// reset does not overwrite a later one.
///
/// The clock is a counter that advances when writes are acknowledged: a request that was submitted
/// by a client who knows of an acknowledgement has at least its number. A time stamp would not do,
/// since it is read once for several requests and then lags behind.
final class ReplayOrder {
    /// No status: the request is to be submitted again.
    static final int SUBMIT_AGAIN = -1;

    private static final long NEVER = Long.MAX_VALUE;

    private final AtomicLong clock = new AtomicLong();
    private final AtomicInteger replaying = new AtomicInteger();
    private final List<DiskQueue> queues = new CopyOnWriteArrayList<>();

    /// Those of all lanes, and of former ones as long as they matter.
    private final List<AckLog> logs = new CopyOnWriteArrayList<>();

    private final List<AckLog> former = new CopyOnWriteArrayList<>();

    private final DoubtfulWrites doubtful = new DoubtfulWrites();

    /// Since when a passage wants to know of all writes.
    private volatile long watched = NEVER;

    long now() {
        return clock.get();
    }

    /// Writes are acknowledged.
    long advance() {
        return clock.incrementAndGet();
    }

    List<DiskQueue> queues() {
        return queues;
    }

    /// A lane begins to log its writes.
    AckLog newLog() {
        AckLog log = new AckLog(this::oldest);
        logs.add(log);
        return log;
    }

    /// A lane is no more; nothing is added to its log.
    void forget(AckLog log) {
        former.add(log);
        long needed = oldest();
        List<AckLog> over = former.stream().filter(each -> each.isNotNeededFrom(needed)).toList();
        former.removeAll(over);
        logs.removeAll(over);
    }

    /// Keeps the log of all writes from now on.
    ///
    /// @return now
    long watch() {
        doubtful.watch();
        watched = clock.get();
        return clock.get();
    }

    void stopWatching() {
        watched = NEVER;
        doubtful.stopWatching();
    }

    /// A request ends with an error: what it was to change may be changed.
    void failed(Request request) {
        if (request.changesBlocks()) {
            doubtful.ended(request.lba, request.blocks);
        }
    }

    /// A request that the device may still be at is forgotten.
    void givenUp(Request request) {
        if (request.changesBlocks()) {
            doubtful.givenUp(request.lba, request.blocks);
        }
    }

    /// Whether a block was changed since, or that is not known, or may have been or be changed by a
    /// request that has failed or not ended. Exact while nothing is acknowledged.
    boolean mayHaveChanged(long lba, long since) {
        for (AckLog log : logs) {
            if (!log.reachesBackTo(since) || log.changed(lba, 1, since)) {
                return true;
            }
        }
        for (DiskQueue queue : queues) {
            if (queue.mayChange(lba, 1)) {
                return true;
            }
        }
        return doubtful.mayHaveChanged(lba);
    }

    /// No request in flight is older.
    long oldest() {
        long oldest = watched;
        for (DiskQueue queue : queues) {
            oldest = Math.min(oldest, queue.oldest());
        }
        return oldest;
    }

    /// Whether writes are in flight that were submitted again. Until they are done, other writes
    /// and replayed flushes wait: the replayed ones may have happened once already, and must not
    /// happen a second time after a newer one, nor after a flush that they came before.
    boolean isReplaying() {
        return replaying.get() > 0;
    }

    void replayBegins(Request request) {
        if (!request.isBarrier) {
            request.isBarrier = true;
            replaying.incrementAndGet();
        }
    }

    /// A request has ended.
    ///
    /// @return whether others may go on now
    boolean replayEnds(Request request) {
        if (!request.isBarrier) {
            return false;
        }
        request.isBarrier = false;
        return replaying.decrementAndGet() == 0;
    }

    /// Whether a request has to wait for replayed writes.
    boolean holdsBack(Request request) {
        return !request.isBarrier
                && (request.changesBlocks() || (request.op == BlockOp.FLUSH && request.replays > 0))
                && isReplaying();
    }

    /// What is left of a lost request, while nothing is submitted or acknowledged on the whole
    /// disk.
    ///
    /// @return OK if nothing is left, OUTCOME_UNKNOWN if that is not known or it compares, else
    ///   [#SUBMIT_AGAIN] after the request was restricted to it
    @SuppressWarnings("ReferenceEquality") // the same array as long as nothing is taken out
    int settle(Request request, int blockSize) {
        if (request.op == BlockOp.COMPARE) {
            // What it was to be compared with may have changed since.
            return BlockStatus.OUTCOME_UNKNOWN;
        }
        if (!request.changesBlocks()) {
            return SUBMIT_AGAIN;
        }
        long[] left = request.remaining();
        long[] all = left;
        for (AckLog log : logs) {
            if (!log.reachesBackTo(request.clock)) {
                return BlockStatus.OUTCOME_UNKNOWN;
            }
            for (int i = log.count() - 1; i >= 0 && log.clock(i) > request.clock; i--) {
                left = subtract(left, log.lba(i), log.lba(i) + log.blocks(i));
            }
        }
        if (left.length == 0) {
            return BlockStatus.OK;
        }
        if (left != all) {
            request.restrict(left, blockSize);
        }
        return SUBMIT_AGAIN;
    }

    /// Takes a range out of others, each given by its begin and end.
    static long[] subtract(long[] ranges, long begin, long end) {
        int overlaps = 0;
        for (int i = 0; i < ranges.length; i += 2) {
            if (ranges[i] < end && begin < ranges[i + 1]) {
                overlaps++;
            }
        }
        if (overlaps == 0) {
            return ranges;
        }
        long[] left = new long[ranges.length + 2];
        int size = 0;
        for (int i = 0; i < ranges.length; i += 2) {
            long from = ranges[i];
            long to = ranges[i + 1];
            if (to <= begin || end <= from) {
                left[size++] = from;
                left[size++] = to;
                continue;
            }
            if (from < begin) {
                left[size++] = from;
                left[size++] = begin;
            }
            if (end < to) {
                left[size++] = end;
                left[size++] = to;
            }
        }
        return Arrays.copyOf(left, size);
    }
}
