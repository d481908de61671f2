package helix.modules.internal;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// Why a run ends.
///
/// @param failure what failed, or null
/// @param isGone whether the device is no longer there
/// @param stopLimit the longest that `stop` may take, if that is less than the module's own
/// @param isReplaced whether its clients are parked and go on with the next generation: what is in
///   flight is then not waited for
record Cause(@Nullable String failure, boolean isGone, Duration stopLimit, boolean isReplaced) {
    Cause(@Nullable String failure, boolean isGone, Duration stopLimit) {
        this(failure, isGone, stopLimit, false);
    }

    static Cause stop(Duration stopLimit) {
        return new Cause(null, false, stopLimit);
    }

    static Cause gone(Duration stopLimit) {
        return new Cause(null, true, stopLimit);
    }

    static Cause replaced(Duration stopLimit) {
        return new Cause(null, false, stopLimit, true);
    }

    static Cause failure(String failure) {
        return new Cause(failure, false, Duration.ofSeconds(10));
    }
}
