package helix.hal.sim.nvme;

/// A completion queue as the controller keeps it. Base 2.0, section 3.3.
final class CompletionQueue {
    static final int ENTRY_BYTES = 16;

    final int id;
    final int size;
    final long address;
    final boolean interrupts;
    final int vector;
    int head;
    int tail;
    int phase = 1;

    /// Submission queues that complete here.
    int users;

    /// Where the head doorbell lies in the shadow doorbell and event index buffers, -1 without.
    long shadow = -1;

    /// What the event index holds, -1 where it is not known.
    int published = -1;

    /// Entries posted that no message was sent for, and when the first of them was.
    int unsent;

    long unsentSince = Long.MIN_VALUE;

    // A translated piece of the ring, for the time of one tick.
    long pieceTick = -1;
    long piece;
    long pieceOffset;

    CompletionQueue(int id, int size, long address, boolean interrupts, int vector) {
        this.id = id;
        this.size = size;
        this.address = address;
        this.interrupts = interrupts;
        this.vector = vector;
    }

    /// Entries that the driver has not given back.
    int occupied() {
        int entries = tail - head;
        return entries < 0 ? entries + size : entries;
    }

    boolean isFull() {
        return occupied() == size - 1;
    }
}
