package helix.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PairsTest {
    private final List<String> order = new ArrayList<>();
    private double drift;

    private double variant(String name, double nanos) {
        order.add(name);
        drift += 1;
        return nanos + drift;
    }

    @Test
    void comparesNeighboursInTurns() {
        Pairs.Result result =
                Pairs.compare(1, 3, () -> variant("base", 10), () -> variant("with", 30));
        assertThat(order)
                .containsExactly("with", "base", "base", "with", "with", "base", "base", "with");
        // What drifts does not add up, because the first one alternates.
        assertThat(result.added()).isEqualTo(new Pairs.Spread(21, 19, 21));
        assertThat(result.pairs()).isEqualTo(3);
    }

    @Test
    void theMedianIsTheMiddleOne() {
        assertThat(Pairs.Spread.of(new double[] {5, 1, 9})).isEqualTo(new Pairs.Spread(5, 1, 9));
        assertThat(Pairs.Spread.of(new double[] {4, 1, 9, 2}).median()).isEqualTo(3);
    }
}
