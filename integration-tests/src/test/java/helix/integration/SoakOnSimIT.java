package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.Test;

/// A disk of the embedded machine under verified load, whose driver is replaced again and again
/// while commands are in flight.
public class SoakOnSimIT {
    private static final boolean FULL = Boolean.getBoolean("helix.full");

    /// As many reloads as are asked for, with time to spare where cores are busy.
    private static final int RELOADS = FULL ? 1000 : 100;

    private static final String EVERY = FULL ? "200ms" : "100ms";
    private static final int SECONDS = FULL ? 220 : 25;

    @Test
    public void nothingIsLostInWarmReloads() throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        JsonObject result =
                HelixCommand.run(
                                "exec",
                                "--machine",
                                "sim",
                                "--disk",
                                "mem:256M",
                                "blk:soak nvme0n1 --seconds %d --reload-every %s --mode warm --seed %d --json"
                                        .formatted(SECONDS, EVERY, seed))
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
        assertThat(number(result, "reloads")).isGreaterThanOrEqualTo(RELOADS);
        assertThat(number(result, "warm")).isEqualTo(number(result, "reloads"));
        assertThat(number(result, "adopted")).isPositive();
    }

    private static double number(JsonObject of, String key) {
        return of.get(key).getAsDouble();
    }
}
