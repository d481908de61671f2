package helix.driver.block.virtio;

/// Requests of one client's queue that ended and were not polled yet, in order of their ends, and
/// how many it has in all. Nothing here allocates after it is made.
///
/// Where two clients share a ring, requests are [added][#add] under its lock by either; all else is
/// the owner's, who [looks][#look] under the lock and needs none to take what it saw.
final class Ended {
    private final int[] tags;
    private final byte[] statuses;

    /// Where the next one goes, and how many have ever ended: guarded by the ring's lock.
    private int next;

    private int added;

    /// The first that was not polled, and how many have ever been: the owner's.
    private int first;

    private int removed;

    /// How many had ended when the owner looked.
    private int seen;

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

    /// Looks at what has ended.
    void look() {
        seen = added;
    }

    /// How many ended and were not polled, when the owner looked last.
    int count() {
        return seen - removed;
    }

    /// A request was accepted.
    void accept() {
        inFlight++;
    }

    /// A request that was accepted has ended.
    void add(int tag, int status) {
        int at = next;
        tags[at] = tag;
        statuses[at] = (byte) status;
        next = at + 1 == tags.length ? 0 : at + 1;
        added++;
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
        removed++;
        inFlight--;
    }

    /// Forgets all.
    void clear() {
        first = next;
        removed = added;
        seen = added;
        inFlight = 0;
    }

    /// Those that ended, for the next generation.
    int[] endedTags() {
        int[] all = new int[added - removed];
        for (int i = 0; i < all.length; i++) {
            all[i] = tags[(first + i) % tags.length];
        }
        return all;
    }

    /// How they ended.
    int[] endedStatuses() {
        int[] all = new int[added - removed];
        for (int i = 0; i < all.length; i++) {
            all[i] = statuses[(first + i) % tags.length];
        }
        return all;
    }
}
