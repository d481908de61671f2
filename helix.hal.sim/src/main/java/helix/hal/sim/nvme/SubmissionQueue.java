package helix.hal.sim.nvme;

/// A submission queue as the controller keeps it. Base 2.0, section 3.3.
final class SubmissionQueue {
    static final int ENTRY_BYTES = 64;

    /// Stands where a command belongs to no queue.
    static final SubmissionQueue NONE =
            new SubmissionQueue(-1, 1, 0, new CompletionQueue(-1, 1, 0, false, 0));

    final int id;
    final int size;
    final long address;
    final CompletionQueue completions;
    int head;
    int tail;

    /// Commands ever fetched, and the last of those that were completed.
    long fetched;

    long completed;

    /// Where the tail doorbell lies in the shadow doorbell and event index buffers, -1 without.
    long shadow = -1;

    /// What the event index holds, -1 where it is not known.
    int published = -1;

    /// Identifiers of commands in the controller, a bit each.
    private final long[] busy = new long[1 << (16 - 6)];

    SubmissionQueue(int id, int size, long address, CompletionQueue completions) {
        this.id = id;
        this.size = size;
        this.address = address;
        this.completions = completions;
    }

    /// Notes that a command is in the controller.
    ///
    /// @return false if one with its identifier already is
    boolean take(int commandId) {
        long bit = 1L << commandId;
        int word = commandId >>> 6;
        boolean free = (busy[word] & bit) == 0;
        busy[word] |= bit;
        return free;
    }

    void release(int commandId) {
        busy[commandId >>> 6] &= ~(1L << commandId);
    }

    int waiting() {
        int entries = tail - head;
        return entries < 0 ? entries + size : entries;
    }
}
