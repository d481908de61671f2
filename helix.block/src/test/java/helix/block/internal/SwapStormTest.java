package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Drivers are replaced and crash at random under clients who check each byte.
class SwapStormTest {
    @ParameterizedTest(name = "{0} clients on {1} queues, {2} replacements, seed {3}")
    @CsvSource({"3, 8, 500, 1", "4, 1, 200, 2", "4, 2, 200, 3"})
    void eachRequestEndsOnceAndWell(int clients, int queues, int swaps, long seed)
            throws InterruptedException {
        SwapRig rig = new SwapRig(queues, Duration.ofSeconds(30), seed);
        SplittableRandom random = new SplittableRandom(seed);
        List<StampedClient> all = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            StampedClient client = new StampedClient(rig, i, seed);
            all.add(client);
            client.start();
        }
        for (int i = 0; i < swaps && all.stream().allMatch(StampedClient::isAlive); i++) {
            letRun(all, random.nextInt(100));
            switch (random.nextInt(4)) {
                case 0, 1 -> rig.warm();
                case 2 -> rig.cold();
                default -> rig.crash();
            }
        }
        for (StampedClient client : all) {
            client.stop();
        }
        assertThat(rig.controller.violations).isEmpty();
        Disk.Statistics statistics = rig.disk.statistics();
        assertThat(statistics.errors()).isZero();
        assertThat(statistics.adopted()).isPositive();
        assertThat(statistics.replayed()).isPositive();
        assertThat(statistics.reads() + statistics.writes())
                .isEqualTo(all.stream().mapToLong(StampedClient::completed).sum());
    }

    /// Waits until that many more requests have ended.
    private static void letRun(List<StampedClient> clients, int requests) {
        long until = sum(clients) + requests;
        long end = System.nanoTime() + 10_000_000_000L;
        while (sum(clients) < until
                && System.nanoTime() < end
                && clients.stream().allMatch(StampedClient::isAlive)) {
            Thread.onSpinWait();
        }
    }

    private static long sum(List<StampedClient> clients) {
        return clients.stream().mapToLong(StampedClient::completed).sum();
    }
}
