package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.Test;

/// A disk of the embedded machine under verified load, whose driver is replaced again and again
/// while commands are in flight.
public class SoakOnSimIT {
    private static final boolean FULL = Boolean.getBoolean("helix.full");

    /// A reload takes 0.4 s beside a load that keeps two cores busy, and longer where they are busy
    /// with others.
    private static final int SECONDS = FULL ? 180 : 40;

    private static final int RELOADS = FULL ? 1000 : 100;
    private static final int MOST_RUNS = FULL ? 6 : 3;

    @Test
    public void nothingIsLostInWarmReloads() throws Exception {
        double reloads = 0;
        for (int run = 0; run < MOST_RUNS && reloads < RELOADS; run++) {
            reloads += soak(Long.getLong("helix.seed", System.nanoTime()));
        }
        assertThat(reloads).as("reloads").isGreaterThanOrEqualTo(RELOADS);
    }

    private static double soak(long seed) throws Exception {
        JsonObject result =
                HelixCommand.run(
                                "exec",
                                "--machine",
                                "sim",
                                "--disk",
                                "mem:16M",
                                "blk:soak nvme0n1 --seconds %d --reload-every 100ms --mode warm --seed %d --json"
                                        .formatted(SECONDS, seed))
                        .succeeds()
                        .documents()
                        .getFirst()
                        .getAsJsonObject();
        System.out.println("SoakOnSimIT: " + result);
        for (String defect : List.of("failed", "lost", "torn", "stale", "misplaced")) {
            assertThat(result.get(defect).getAsLong()).as("%s in %s", defect, result).isZero();
        }
        assertThat(number(result, "rolledBack")).isZero();
        assertThat(number(result, "otherBundlesTouched")).isZero();
        assertThat(number(result, "warm")).isEqualTo(number(result, "reloads"));
        assertThat(number(result, "adopted")).isPositive();
        return number(result, "reloads");
    }

    private static double number(JsonObject of, String key) {
        return of.get(key).getAsDouble();
    }
}
