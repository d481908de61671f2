package helix.shell.blk.engine;

import helix.driver.api.block.QueueOptions.Completion;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What to measure.
///
/// @param access reads or writes, in order or not
/// @param requestBytes size of a request, a multiple of the block size
/// @param depth requests in flight
/// @param duration how long to measure
/// @param warmUp how long to run before that
/// @param seed for the order of random requests
/// @param completion how completions are noticed
/// @param mmioCounter counts accesses to device registers, null where nothing counts them
/// @param modelNanos counts the nanoseconds that devices in this JVM worked, null where there are
///   none
/// @param mmioRoundTrip measures one such access on an idle device, in microseconds; null where
///   nothing can
public record BenchOptions(
        Access access,
        int requestBytes,
        int depth,
        Duration duration,
        Duration warmUp,
        long seed,
        Completion completion,
        @Nullable LongSupplier mmioCounter,
        @Nullable LongSupplier modelNanos,
        @Nullable DoubleSupplier mmioRoundTrip) {

    /// Checks the ranges.
    public BenchOptions {
        if (depth < 1) {
            throw new IllegalArgumentException("queue depth " + depth + " is below 1");
        }
        if (duration.isNegative() || duration.isZero() || warmUp.isNegative()) {
            throw new IllegalArgumentException(
                    "measuring for " + duration + " after a warm-up of " + warmUp);
        }
    }

    /// Kinds of access, by fio's names in lower case.
    public enum Access {
        /// Reads anywhere.
        RANDREAD(false, true, true),
        /// Writes anywhere.
        RANDWRITE(true, false, true),
        /// Reads from the first block on.
        READ(false, true, false),
        /// Writes from the first block on.
        WRITE(true, false, false),
        /// Reads and writes anywhere, as many of each.
        RANDRW(true, true, true);

        private final boolean writes;
        private final boolean reads;
        private final boolean random;

        Access(boolean writes, boolean reads, boolean random) {
            this.writes = writes;
            this.reads = reads;
            this.random = random;
        }

        /// Whether it changes the medium.
        ///
        /// @return true for all but pure reading
        public boolean writes() {
            return writes;
        }

        boolean reads() {
            return reads;
        }

        boolean random() {
            return random;
        }

        /// A kind by its name.
        ///
        /// @param name such as `randread`
        /// @return the kind
        /// @throws IllegalArgumentException if there is none, naming all there are
        public static Access named(String name) {
            for (Access each : values()) {
                if (each.toString().equals(name)) {
                    return each;
                }
            }
            throw new IllegalArgumentException(
                    name
                            + " is none of "
                            + Arrays.stream(values())
                                    .map(Access::toString)
                                    .collect(Collectors.joining(", ")));
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
