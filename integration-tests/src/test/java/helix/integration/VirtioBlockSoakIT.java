package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.List;
import org.junit.Before;
import org.junit.Test;

/// A virtio disk with one queue under verified load, whose driver is replaced all the time.
public class VirtioBlockSoakIT {
    private static final int SECONDS = Boolean.getBoolean("helix.full") ? 60 : 4;

    /// A busy machine has few reloads in so short a time.
    private static final int RELOADS = 3;

    @Before
    public void needsQemu() {
        Qemu.assumePresent();
    }

    /// One boot, because that is what takes the time.
    @Test
    public void nothingIsLostInReloads() throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        HelixCommand run =
                HelixCommand.run(
                        "exec",
                        "--machine",
                        "qemu",
                        soak("warm", seed) + "; " + soak("cold", seed));
        System.out.println("VirtioBlockSoakIT: " + run.out());
        List<JsonElement> results = run.succeeds().documents();
        assertThat(results).hasSize(2);
        JsonObject warm = nothingIsLost(results.get(0).getAsJsonObject());
        assertThat(number(warm, "adopted")).isPositive();
        assertThat(number(warm, "warm")).isEqualTo(number(warm, "reloads"));
        JsonObject cold = nothingIsLost(results.get(1).getAsJsonObject());
        assertThat(number(cold, "replayed")).isPositive();
    }

    private static String soak(String mode, long seed) {
        return "blk:soak vblk0 --seconds %d --reload-every 500ms --mode %s --seed %d --json"
                .formatted(SECONDS, mode, seed);
    }

    private static JsonObject nothingIsLost(JsonObject result) {
        for (String defect : List.of("failed", "lost", "torn", "stale", "misplaced")) {
            assertThat(result.get(defect).getAsLong()).as("%s in %s", defect, result).isZero();
        }
        assertThat(number(result, "rolledBack")).isZero();
        assertThat(number(result, "otherBundlesTouched")).isZero();
        assertThat(number(result, "reloads")).isGreaterThanOrEqualTo(RELOADS);
        return result;
    }

    private static double number(JsonObject of, String key) {
        return of.get(key).getAsDouble();
    }
}
