package helix.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import helix.benchmarks.Ratios.Run;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RatiosTest {
    @Test
    void theRatioIsOfNeighbours() throws Exception {
        // Both slow down together, as on a machine that others use too.
        int[] turn = new int[2];
        Ratios.Result result =
                Ratios.compare(
                        1,
                        11,
                        () -> new Run(3000L / (1 + turn[0]++), 1_000_000, 600_000),
                        () -> new Run(2000L / (1 + turn[1]++), 1_000_000, 400_000));
        assertThat(result.ratio()).isBetween(1.48, 1.52);
        assertThat(result.low()).isLessThanOrEqualTo(result.ratio());
        assertThat(result.high()).isGreaterThanOrEqualTo(result.ratio()).isLessThan(1.6);
        assertThat(result.pairs()).isEqualTo(11);
    }

    @Test
    void whoComesFirstAlternates() throws Exception {
        List<String> order = new ArrayList<>();
        Ratios.compare(
                0,
                3,
                () -> {
                    order.add("ours");
                    return new Run(1, 1, 1);
                },
                () -> {
                    order.add("peer");
                    return new Run(1, 1, 1);
                });
        assertThat(order).containsExactly("ours", "peer", "peer", "ours", "ours", "peer");
    }

    @Test
    void anOutlierMovesNeitherMedianNorItsInterval() {
        double[] ratios = {1, 1.01, 0.99, 1, 1.02, 0.98, 1, 1.01, 0.99, 1, 40};
        assertThat(Ratios.median(ratios)).isEqualTo(1);
        assertThat(Ratios.interval(ratios)[1]).isLessThan(1.1);
    }
}
