package helix.shell.blk.soak;

import java.util.ArrayList;
import java.util.List;

/// What was found wrong by one thread: counts in blocks, and the first few in words. Allocates only
/// where there is something to tell.
final class Defects {
    private static final int MOST_TOLD = 8;

    private final List<String> told = new ArrayList<>();
    private long failed;
    private long lost;
    private long torn;
    private long stale;
    private long misplaced;

    void failed(String what) {
        failed++;
        tell(what);
    }

    void torn(long lba, String where) {
        torn++;
        tell("block " + lba + where + " is torn: its checksum does not fit");
    }

    void misplaced(long lba, long other, String where) {
        misplaced++;
        tell("block " + lba + where + " holds what was written to block " + other);
    }

    /// Older than acknowledged.
    void old(long lba, long expected, long found, String where, boolean atEnd) {
        if (atEnd) {
            lost++;
        } else {
            stale++;
        }
        tell(
                "block %d%s holds %s, not the acknowledged write %d"
                        .formatted(
                                lba, where, found == 0 ? "no write" : "write " + found, expected));
    }

    private void tell(String what) {
        if (told.size() < MOST_TOLD) {
            told.add(what);
        }
    }

    void add(Defects other) {
        failed += other.failed;
        lost += other.lost;
        torn += other.torn;
        stale += other.stale;
        misplaced += other.misplaced;
        other.told.forEach(this::tell);
    }

    long failed() {
        return failed;
    }

    long lost() {
        return lost;
    }

    long torn() {
        return torn;
    }

    long stale() {
        return stale;
    }

    long misplaced() {
        return misplaced;
    }

    /// How many blocks had wrong contents.
    long wrong() {
        return lost + torn + stale + misplaced;
    }

    List<String> told() {
        return List.copyOf(told);
    }
}
