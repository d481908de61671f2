package helix.block.internal;

import helix.driver.api.block.BlockQueue;

/// Completions on their way to a client's handler, in order; the owner's alone. They are taken from
/// the queue's lane in one go, so that handlers run outside it.
final class ReadyRing {
    private final int[] tags;
    private final int[] statuses;
    private int first;
    private int count;

    ReadyRing(int capacity) {
        tags = new int[capacity];
        statuses = new int[capacity];
    }

    int count() {
        return count;
    }

    boolean isFull() {
        return count == tags.length;
    }

    void add(int tag, int status) {
        int at = first + count;
        if (at >= tags.length) {
            at -= tags.length;
        }
        tags[at] = tag;
        statuses[at] = status;
        count++;
    }

    /// Tells the first, which may lead to more here.
    void tellFirst(BlockQueue.CompletionHandler handler) {
        int at = first;
        first = at + 1 == tags.length ? 0 : at + 1;
        count--;
        handler.completed(tags[at], statuses[at]);
    }
}
