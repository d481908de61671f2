package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import java.util.List;
import org.junit.Before;
import org.junit.Test;

/// A virtio disk with one queue under verified load, whose driver is replaced all the time.
public class VirtioBlockSoakIT {
    private static final int SECONDS = Boolean.getBoolean("helix.full") ? 60 : 8;

    /// A busy machine has few reloads in so short a time.
    private static final int RELOADS = 3;

    @Before
    public void needsQemu() {
        Qemu.assumePresent();
    }

    @Test
    public void nothingIsLostInWarmReloads() throws Exception {
        JsonObject result = soak("warm");
        assertThat(number(result, "adopted")).isPositive();
        assertThat(number(result, "warm")).isEqualTo(number(result, "reloads"));
    }

    @Test
    public void nothingIsLostInColdReloads() throws Exception {
        assertThat(number(soak("cold"), "replayed")).isPositive();
    }

    private static JsonObject soak(String mode) throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        HelixCommand run =
                HelixCommand.run(
                        "exec",
                        "--machine",
                        "qemu",
                        "blk:soak vblk0 --seconds %d --reload-every 500ms --mode %s --seed %d --json"
                                .formatted(SECONDS, mode, seed));
        System.out.println("VirtioBlockSoakIT: " + run.out());
        JsonObject result = run.succeeds().documents().getLast().getAsJsonObject();
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
