package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.List;
import org.junit.Before;
import org.junit.Test;

/// A disk under verified load whose driver is replaced all the time, by the one call that anybody
/// can repeat.
public class SoakIT {
    /// Two reloads a second, less what two cores take for the rest.
    private static final int SECONDS = full() ? 60 : 4;

    private static final int RELOADS = full() ? 100 : 3;
    private static final int ADOPTED = full() ? 1000 : 30;

    private static boolean full() {
        return Boolean.getBoolean("helix.full");
    }

    @Before
    public void needsQemu() {
        Qemu.assumePresent();
    }

    /// One boot, because that is what takes the time.
    @Test
    public void nothingIsLostInReloads() throws Exception {
        Path image = Platform.scratchFile(256);
        long seed = Long.getLong("helix.seed", System.nanoTime());
        HelixCommand run =
                HelixCommand.run(
                        "exec",
                        "--machine",
                        "qemu",
                        "--disk",
                        image.toString(),
                        soak("warm", seed) + "; " + soak("cold", seed));
        System.out.println("SoakIT: " + run.out());
        List<JsonElement> results = run.succeeds().documents();
        assertThat(results).hasSize(2);

        JsonObject warm = results.get(0).getAsJsonObject();
        nothingIsLost(warm, seed);
        assertThat(number(warm, "adopted")).isGreaterThanOrEqualTo(ADOPTED);
        assertThat(number(warm, "warm")).isEqualTo(number(warm, "reloads"));
        waitsAtMost(warm, 10, 100);

        JsonObject cold = results.get(1).getAsJsonObject();
        nothingIsLost(cold, seed);
        assertThat(number(cold, "replayed")).isPositive();
        waitsAtMost(cold, 250, 1000);
    }

    private static String soak(String mode, long seed) {
        return "blk:soak nvme0n1 --seconds %d --reload-every 500ms --mode %s --seed %d --json"
                .formatted(SECONDS, mode, seed);
    }

    private static void nothingIsLost(JsonObject result, long seed) {
        for (String defect : List.of("failed", "lost", "torn", "stale", "misplaced")) {
            assertThat(result.get(defect).getAsLong()).as("%s in %s", defect, result).isZero();
        }
        assertThat(result.get("otherBundlesTouched").getAsLong()).isZero();
        assertThat(result.get("rolledBack").getAsLong()).isZero();
        assertThat(result.get("seed").getAsLong()).isEqualTo(seed);
        assertThat(number(result, "reloads")).isGreaterThanOrEqualTo(RELOADS);
        assertThat(number(result, "newClassLoaders")).isEqualTo(number(result, "reloads"));
        assertThat(result.getAsJsonObject("pauseMs").keySet()).contains("p50", "p99", "max");
        if (full()) {
            assertThat(number(result, "iopsAfter"))
                    .as("the rate afterwards")
                    .isGreaterThanOrEqualTo(0.95 * number(result, "iopsBefore"));
            assertThat(number(result, "recoveryMs")).as("median, ms").isLessThanOrEqualTo(500);
        }
    }

    /// How long the slowest request of each reload took. A short run has too few reloads to judge
    /// more than the usual one, which must not take longer than the longest may.
    private static void waitsAtMost(JsonObject result, double p99, double max) {
        JsonObject worst = result.getAsJsonObject("worstLatencyMs");
        assertThat(number(worst, "p50")).as("the median, ms").isLessThanOrEqualTo(max);
        if (full()) {
            assertThat(number(worst, "p99")).as("99 %% in %s", worst).isLessThanOrEqualTo(p99);
            assertThat(number(worst, "max")).as("the worst in %s", worst).isLessThanOrEqualTo(max);
        }
    }

    private static double number(JsonObject of, String key) {
        return of.get(key).getAsDouble();
    }
}
