package helix.shell.blk.soak;

/// When the driver was last replaced, as the clock of [System#nanoTime()] has it: written by the
/// one who does it, read by writers at each completion.
final class ReloadWindow {
    /// How many reloads are told apart.
    static final int MOST = 1 << 16;

    /// Written by the one thread only, published through [#count].
    private int made;

    private volatile int count;
    private volatile long begun;
    private volatile long ended;
    private volatile boolean open;

    void begin(long now) {
        open = true;
        begun = now;
        count = ++made;
    }

    void end(long now) {
        ended = now;
        open = false;
    }

    /// Whether a request was in flight during the last reload. One that was during the reload
    /// before, and ends only now, was during this one, too.
    boolean overlaps(long from, long to) {
        return count != 0 && to - begun >= 0 && (open || from - ended < 0);
    }

    /// The number of the last reload, from 0.
    int index() {
        return (count - 1) & (MOST - 1);
    }

    int count() {
        return count;
    }
}
