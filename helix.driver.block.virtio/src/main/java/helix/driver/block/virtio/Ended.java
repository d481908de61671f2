package helix.driver.block.virtio;

/// Requests of one client's queue that ended and were not polled yet, in order of their ends, and
/// how many it has in all. Nothing here allocates after it is made.
final class Ended {
    private final int[] tags;
    private final byte[] statuses;
    private int first;
    private int count;
    private int inFlight;

    Ended(int depth) {
        tags = new int[depth];
        statuses = new byte[depth];
    }

    int depth() {
        return tags.length;
    }

    /// How many were accepted and not polled.
    int inFlight() {
        return inFlight;
    }

    /// How many ended and were not polled.
    int count() {
        return count;
    }

    /// A request was accepted.
    void accept() {
        inFlight++;
    }

    /// A request that was accepted has ended.
    void add(int tag, int status) {
        int at = first + count;
        if (at >= tags.length) {
            at -= tags.length;
        }
        tags[at] = tag;
        statuses[at] = (byte) status;
        count++;
    }

    int tag() {
        return tags[first];
    }

    int status() {
        return statuses[first];
    }

    /// The first was polled.
    void remove() {
        first = first + 1 == tags.length ? 0 : first + 1;
        count--;
        inFlight--;
    }

    /// Forgets all.
    void clear() {
        first = 0;
        count = 0;
        inFlight = 0;
    }

    /// Those that ended, for the next generation.
    int[] endedTags() {
        int[] all = new int[count];
        for (int i = 0; i < count; i++) {
            all[i] = tags[(first + i) % tags.length];
        }
        return all;
    }

    /// How they ended.
    int[] endedStatuses() {
        int[] all = new int[count];
        for (int i = 0; i < count; i++) {
            all[i] = statuses[(first + i) % tags.length];
        }
        return all;
    }
}
