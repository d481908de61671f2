package helix.shell.blk.soak;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a run of verified load came to. The components' names are the keys of its JSON.
///
/// @param reloads how often the driver was replaced
/// @param failed requests that ended with an error, or not at all
/// @param lost blocks whose last acknowledged write was not there at the end
/// @param torn blocks whose checksum did not fit
/// @param stale blocks that were read with less than their last acknowledged write
/// @param misplaced blocks with the contents of others
/// @param adopted requests in flight that a new generation took over
/// @param replayed requests in flight that were submitted again after a reset
/// @param parked requests that waited while the driver was replaced
/// @param pauseMs how long the disk's clients were held back
/// @param latencyMs of all requests in flight during a reload, from its beginning to its end
/// @param worstLatencyMs of the slowest such request of each reload
/// @param latencyOutsideMs of all other requests of the load: how slow the disk is by itself, some
///   requests of which, a FLUSH above all, may be slower than any reload
/// @param recoveryMs the median time until 90 % of the former rate was reached again, null if it is
///   not known of any reload
/// @param iopsBefore requests a second before the first reload
/// @param iopsAfter requests a second after the last
/// @param mode what was asked for: `warm` or `cold`; null without reloads
/// @param warm how many of the reloads were warm
/// @param rolledBack how many ended with the old revision
/// @param newClassLoaders how often another class loader served than before
/// @param otherBundlesTouched bundles beside the driver's, over all reloads
/// @param seconds how long it ran, the verification at the end included
/// @param ios requests that ended
/// @param bytes bytes moved
/// @param seed of the run
/// @param image the file that was verified, null if none was
/// @param problems what was wrong, the first few in words; empty if all is well
public record SoakResult(
        int reloads,
        long failed,
        long lost,
        long torn,
        long stale,
        long misplaced,
        long adopted,
        long replayed,
        long parked,
        Spread pauseMs,
        Spread latencyMs,
        Spread worstLatencyMs,
        Spread latencyOutsideMs,
        @Nullable Double recoveryMs,
        double iopsBefore,
        double iopsAfter,
        @Nullable String mode,
        int warm,
        int rolledBack,
        int newClassLoaders,
        long otherBundlesTouched,
        double seconds,
        long ios,
        long bytes,
        long seed,
        @Nullable String image,
        List<String> problems) {
    /// How values are spread, in milliseconds; all 0 without any.
    ///
    /// @param p50 the median
    /// @param p99 99 % are below
    /// @param max the longest
    public record Spread(double p50, double p99, double max) {}
}
