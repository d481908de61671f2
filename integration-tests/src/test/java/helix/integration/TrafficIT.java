package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// The commands that make and forward frames, on four of QEMU's cards: the first is wired to the
/// second and the third to the fourth, so that what the first sends gets to the fourth if the two
/// in the middle are forwarded.
public class TrafficIT {
    @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();

    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int CARDS = 4;
    private static final int RATE = 2000;

    private static RunningInstance instance;

    private static String card(int number) {
        return "52:54:00:54:52:0" + number;
    }

    @BeforeClass
    public static void start() throws Exception {
        Qemu.assumePresent();
        instance = new RunningInstance(FOLDER.newFolder("i").toPath());
        List<String> arguments = new ArrayList<>(List.of("--machine", "qemu"));
        arguments.addAll(List.of("--disk", "mem:16M"));
        for (int i = 1; i <= CARDS; i++) {
            // A hub is a wire that loses nothing.
            qemu(arguments, "-netdev", "hubport,id=w%d,hubid=%d".formatted(i, (i + 1) / 2));
            qemu(
                    arguments,
                    "-device",
                    "virtio-net-pci,netdev=w%d,mac=%s,addr=1%d,romfile=".formatted(i, card(i), i));
        }
        HelixCommand _ = instance.run("start", arguments.toArray(String[]::new)).succeeds();
    }

    private static void qemu(List<String> arguments, String... words) {
        for (String word : words) {
            arguments.add("--qemu-arg");
            arguments.add(word);
        }
    }

    @AfterClass
    public static void stop() throws Exception {
        if (instance != null) {
            HelixCommand _ = instance.stop().succeeds();
        }
    }

    @Test
    public void framesAreForwardedAndCounted() throws Exception {
        CompletableFuture<JsonObject> forward =
                begin("net:forward %s %s --seconds 10".formatted(card(2), card(3)));
        // Sends little; it is there to receive.
        CompletableFuture<JsonObject> last =
                begin("net:pktgen " + card(4) + " --rate 1 --seconds 10");
        Platform.await("both are at it", LIMIT, () -> users() == 3);
        JsonObject first =
                json("net:pktgen " + card(1) + " --rate " + RATE + " --burst 8 --seconds 2")
                        .getAsJsonObject();
        JsonObject between = forward.get(60, TimeUnit.SECONDS);
        JsonObject end = last.get(60, TimeUnit.SECONDS);

        long sent = number(first, "sent");
        assertThat(sent).isBetween((long) RATE, 2L * RATE + 8);
        assertThat(number(first, "txDropped")).isZero();
        assertThat(number(between, "forward")).isEqualTo(sent);
        assertThat(number(between, "dropped")).isZero();
        assertThat(number(end, "received")).isEqualTo(sent);
        assertThat(number(end, "rxDropped")).isZero();
        // The other way: the first was not there all the time.
        assertThat(number(first, "received"))
                .isBetween(1L, number(between, "back"))
                .isLessThanOrEqualTo(number(end, "sent"));
        JsonArray statistics = json("net:stat").getAsJsonArray();
        long seen = 0;
        for (JsonElement row : statistics) {
            seen += number(row.getAsJsonObject(), "rxFrames") >= sent ? 1 : 0;
        }
        assertThat(seen).as("interfaces that received all: %s", statistics).isEqualTo(2);
    }

    /// How many interfaces are open.
    private static long users() {
        long users = 0;
        for (JsonElement row : json("net:list").getAsJsonArray()) {
            users += row.getAsJsonObject().get("user").isJsonNull() ? 0 : 1;
        }
        return users;
    }

    private static long number(JsonObject of, String name) {
        return of.get(name).getAsLong();
    }

    private static CompletableFuture<JsonObject> begin(String command) {
        // The common pool may have one thread only.
        return CompletableFuture.supplyAsync(
                () -> json(command).getAsJsonObject(), task -> Thread.ofPlatform().start(task));
    }

    private static JsonElement json(String command) {
        try {
            return instance.ctl(command + " --json").succeeds().documents().getFirst();
        } catch (Exception e) {
            throw new AssertionError(command, e);
        }
    }
}
