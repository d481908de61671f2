package helix.benchmarks;

import java.util.Arrays;

/// Runs two variants in turns, so that what changes meanwhile changes both, and compares each run
/// with its neighbour.
final class Pairs {
    private Pairs() {}

    /// Something whose time is taken.
    @FunctionalInterface
    interface Variant {
        /// Runs it once.
        ///
        /// @return nanoseconds for one operation
        double run();
    }

    /// How values are spread.
    ///
    /// @param median the middle one
    /// @param min the lowest
    /// @param max the highest
    record Spread(double median, double min, double max) {
        static Spread of(double[] values) {
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            int n = sorted.length;
            double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
            return new Spread(median, sorted[0], sorted[n - 1]);
        }
    }

    /// What a comparison came to, in nanoseconds for one operation.
    ///
    /// @param pairs how many
    /// @param base without
    /// @param with with what is measured
    /// @param added the difference in each pair
    record Result(int pairs, Spread base, Spread with, Spread added) {}

    /// Compares; which one of a pair comes first alternates.
    ///
    /// @param warmUps pairs whose times do not count
    /// @param pairs pairs whose times do
    static Result compare(int warmUps, int pairs, Variant base, Variant with) {
        double[] bases = new double[pairs];
        double[] withs = new double[pairs];
        double[] added = new double[pairs];
        for (int i = -warmUps; i < pairs; i++) {
            double first = i % 2 == 0 ? base.run() : with.run();
            double second = i % 2 == 0 ? with.run() : base.run();
            if (i >= 0) {
                bases[i] = i % 2 == 0 ? first : second;
                withs[i] = i % 2 == 0 ? second : first;
                added[i] = withs[i] - bases[i];
            }
        }
        return new Result(pairs, Spread.of(bases), Spread.of(withs), Spread.of(added));
    }
}
