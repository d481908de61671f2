package helix.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// A comparison with a peer: the rates of both in each of several interleaved pairs of runs.
final class Ratios {
    private static final int RESAMPLES = 10_000;
    private static final long SEED = 1;

    private Ratios() {}

    /// One run.
    ///
    /// @param operations how many ended
    /// @param nanos how long it took
    /// @param cpuNanos processor time of the thread that drove it
    record Run(long operations, long nanos, long cpuNanos) {
        double rate() {
            return operations * 1e9 / nanos;
        }

        double cpuPerOperation() {
            return (double) cpuNanos / Math.max(1, operations);
        }
    }

    /// Runs one side once.
    @FunctionalInterface
    interface Side {
        /// Runs it.
        Run run() throws Exception;
    }

    /// What a comparison came to.
    ///
    /// @param pairs how many
    /// @param ours operations a second, median
    /// @param peer the peer's, median
    /// @param ratio the median of ours divided by the peer's in each pair
    /// @param low where the median of the ratio lies at least, with 95 % confidence
    /// @param high where it lies at most
    /// @param cpuOurs processor time for an operation in nanoseconds, median
    /// @param cpuPeer the peer's
    /// @param ratios of each pair
    record Result(
            int pairs,
            double ours,
            double peer,
            double ratio,
            double low,
            double high,
            double cpuOurs,
            double cpuPeer,
            List<Double> ratios) {}

    /// Compares; which one of a pair comes first alternates.
    static Result compare(int warmUps, int pairs, Side ours, Side peer) throws Exception {
        double[] our = new double[pairs];
        double[] their = new double[pairs];
        double[] ourCpu = new double[pairs];
        double[] theirCpu = new double[pairs];
        double[] ratios = new double[pairs];
        for (int i = -warmUps; i < pairs; i++) {
            Run first = i % 2 == 0 ? ours.run() : peer.run();
            Run second = i % 2 == 0 ? peer.run() : ours.run();
            if (i >= 0) {
                Run mine = i % 2 == 0 ? first : second;
                Run other = i % 2 == 0 ? second : first;
                our[i] = mine.rate();
                their[i] = other.rate();
                ourCpu[i] = mine.cpuPerOperation();
                theirCpu[i] = other.cpuPerOperation();
                ratios[i] = our[i] / their[i];
            }
        }
        double[] interval = interval(ratios);
        return new Result(
                pairs,
                median(our),
                median(their),
                median(ratios),
                interval[0],
                interval[1],
                median(ourCpu),
                median(theirCpu),
                Arrays.stream(ratios).boxed().toList());
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    }

    /// The 95 % interval of the median, by resampling with a fixed seed.
    static double[] interval(double[] values) {
        Random random = new Random(SEED);
        double[] medians = new double[RESAMPLES];
        double[] sample = new double[values.length];
        for (int i = 0; i < RESAMPLES; i++) {
            for (int j = 0; j < sample.length; j++) {
                sample[j] = values[random.nextInt(values.length)];
            }
            medians[i] = median(sample);
        }
        Arrays.sort(medians);
        return new double[] {
            medians[(int) (RESAMPLES * 0.025)], medians[(int) (RESAMPLES * 0.975)]
        };
    }
}
