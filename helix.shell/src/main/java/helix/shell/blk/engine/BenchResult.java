package helix.shell.blk.engine;

import org.jspecify.annotations.Nullable;

/// What a benchmark measured. The components' names are the keys of its JSON.
///
/// @param iops requests a second
/// @param latencyUs from submission to completion, in microseconds
/// @param bytesAllocatedPerIo bytes that all threads of this JVM allocated, per request
/// @param mmioPerIo accesses to device registers per request, null where nothing counts them
/// @param mmioRoundTripUs one such access on the idle device in microseconds, mean of before and
///   after; null where nothing measures it
/// @param driverNsPerIo time of the calling thread per request within submissions, doorbells and
///   polls that brought something: the disk and its driver, in nanoseconds
/// @param modelNsPerIo time per request that the embedded machine's threads worked as devices, in
///   nanoseconds; null where devices are not in this JVM
/// @param ios requests that ended
/// @param bytesPerSecond bytes moved a second
/// @param errors requests that ended with an error
/// @param seconds how long was measured
/// @param depth requests in flight; less than asked for where the device takes no more
/// @param seed for the order of random requests
public record BenchResult(
        double iops,
        Latency latencyUs,
        double bytesAllocatedPerIo,
        @Nullable Double mmioPerIo,
        @Nullable Double mmioRoundTripUs,
        double driverNsPerIo,
        @Nullable Double modelNsPerIo,
        long ios,
        double bytesPerSecond,
        long errors,
        double seconds,
        int depth,
        long seed) {
    /// Latency.
    ///
    /// @param p50 the median
    /// @param p99 99 % are below
    /// @param p999 99.9 % are below
    /// @param max the longest
    public record Latency(double p50, double p99, double p999, double max) {}
}
