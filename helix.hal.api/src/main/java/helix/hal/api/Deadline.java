package helix.hal.api;

import java.time.Duration;

/// A moment at which a wait gives up. Immutable; cheap to ask.
public final class Deadline {
    private final long nanoTime;
    private final Duration limit;

    private Deadline(Duration limit) {
        this.limit = limit;
        this.nanoTime = System.nanoTime() + limit.toNanos();
    }

    /// A deadline that long from now.
    ///
    /// @param limit not negative, at most some years
    /// @return the deadline
    public static Deadline after(Duration limit) {
        if (limit.isNegative()) {
            throw new IllegalArgumentException("negative time limit " + limit);
        }
        return new Deadline(limit);
    }

    /// A deadline that many milliseconds from now.
    ///
    /// @param millis not negative
    /// @return the deadline
    public static Deadline afterMillis(long millis) {
        return after(Duration.ofMillis(millis));
    }

    /// Whether the moment has come.
    ///
    /// @return true from then on
    public boolean isExpired() {
        return System.nanoTime() - nanoTime >= 0;
    }

    /// The time left.
    ///
    /// @return nanoseconds, 0 when expired
    public long remainingNanos() {
        return Math.max(0, nanoTime - System.nanoTime());
    }

    /// The time left, rounded up.
    ///
    /// @return milliseconds, 0 when expired
    public long remainingMillis() {
        return (remainingNanos() + 999_999) / 1_000_000;
    }

    /// The time that was given at the start.
    ///
    /// @return what [#after(Duration)] got
    public Duration limit() {
        return limit;
    }

    @Override
    public String toString() {
        return limit.toString();
    }
}
