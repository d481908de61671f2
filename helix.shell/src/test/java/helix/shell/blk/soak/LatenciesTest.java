package helix.shell.blk.soak;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// Which requests count as in flight during a reload, and which are the control.
class LatenciesTest {
    private static final long MS = 1_000_000;

    private final ReloadWindow window = new ReloadWindow();
    private final Latencies latencies = new Latencies(window);

    @Test
    void requestsThatOverlapNoReloadAreApart() {
        latencies.completed(0, 40 * MS); // before the first
        window.begin(100 * MS);
        latencies.completed(90 * MS, 99 * MS); // ended before it, told late
        latencies.completed(99 * MS, 101 * MS);
        latencies.completed(101 * MS, 104 * MS);
        window.end(110 * MS);
        latencies.completed(105 * MS, 115 * MS);
        latencies.completed(111 * MS, 131 * MS);
        near(latencies.outside(), 20, 40);
        near(latencies.overlapping(), 3, 10);
        near(latencies.worst(), 10, 10);
    }

    @Test
    void withoutReloadsAllAreOutside() {
        latencies.completed(0, 7 * MS);
        near(latencies.outside(), 7, 7);
        assertThat(latencies.overlapping()).isEqualTo(new SoakResult.Spread(0, 0, 0));
    }

    @Test
    void thoseOfAllWritersAddUp() {
        Latencies other = new Latencies(window);
        latencies.completed(0, 2 * MS);
        other.completed(0, 8 * MS);
        latencies.add(other);
        near(latencies.outside(), 2, 8);
    }

    private static void near(SoakResult.Spread spread, double p50, double max) {
        assertThat(spread.p50()).isBetween(p50 * 0.99, p50 * 1.01);
        assertThat(spread.max()).isBetween(max * 0.99, max * 1.01);
    }
}
