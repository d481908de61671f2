package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// Drivers that are brought to a running instance, good ones and bad ones, and what the disks in
/// use notice of it: nothing.
public class DeployIT {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final Map<String, String> FOR_A_NEWER_API =
            Map.of(
                    "Import-Package",
                    "helix.driver.api.block;version=\"[1.99,2)\", !org.jspecify.annotations, *");

    @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();
    private static RunningInstance instance;
    private static Path jars;
    private static long generation;

    /// One boot, because that is what takes the time.
    @BeforeClass
    public static void start() throws Exception {
        Qemu.assumePresent();
        jars = FOLDER.newFolder("jars").toPath();
        instance = RunningInstance.start(FOLDER.newFolder("i").toPath(), Platform.scratchFile(64));
        generation = disk().get("generation").getAsLong();
    }

    @AfterClass
    public static void stop() throws Exception {
        if (instance != null) {
            instance.stop().succeeds();
        }
    }

    @Test
    public void driversComeAndGoWhileADiskServes() throws Exception {
        whatIsNoDriverIsRefused();
        aDriverForANewerApiIsRefused();
        aDriverThatDoesWhatItMustNotIsRefused();
        assertThat(instance.ctl("helix:deployments --json").documents().getFirst().getAsJsonArray())
                .as("what was refused is not in the folder")
                .isEmpty();
        theDiskServed();

        aGoodDriverIsBoundAndReplaced();
        theDiskServed();

        aJarInTheFolderIsBoundUntilItIsRemoved();
        theDiskServed();
    }

    private void whatIsNoDriverIsRefused() throws Exception {
        Path text = Files.writeString(jars.resolve("text.jar"), "This is no jar.");
        Path other = Files.writeString(jars.resolve("notes.txt"), "Nor is this.");
        deploy(jars.resolve("missing.jar")).failsWith("missing.jar: no such file or directory");
        deploy(jars).failsWith("jars is no regular file");
        deploy(text).failsWith("text.jar is REFUSED: it is no jar");
        deploy(other).failsWith("notes.txt is no .jar file");
    }

    private void aDriverForANewerApiIsRefused() throws Exception {
        Path newer = DriverJar.write(jars.resolve("newer.jar"), "idle", "1.0.0", FOR_A_NEWER_API);
        deploy(newer).failsWith("newer.jar is REFUSED", "helix.driver.api.block [1.99,2)");
    }

    private void aDriverThatDoesWhatItMustNotIsRefused() throws Exception {
        Path threads = DriverJar.write(jars.resolve("threads.jar"), "threads", "1.0.0", Map.of());
        deploy(threads)
                .failsWith(
                        "THREADS makes threads", "helix.integration.drivers.threads.ThreadDriver");
        Path memory = DriverJar.write(jars.resolve("memory.jar"), "memory", "1.0.0", Map.of());
        deploy(memory)
                .failsWith(
                        "RESTRICTED_FFM uses restricted methods",
                        "helix.integration.drivers.memory.MemoryDriver");
    }

    private void aGoodDriverIsBoundAndReplaced() throws Exception {
        Path jar = DriverJar.write(jars.resolve("idle.jar"), "idle", "1.0.0", Map.of());
        HelixCommand run =
                instance.ctl("helix:deploy --json " + jar + "; helix:drivers --json").succeeds();
        JsonObject deployment = run.documents().getFirst().getAsJsonObject();
        assertThat(deployment.get("state").getAsString()).isEqualTo("ACTIVE");
        assertThat(deployment.get("bundle").getAsString()).isEqualTo("test.idle");
        JsonObject driver = find(run.documents().getLast(), "name", "idle8139");
        String device = driver.getAsJsonArray("devices").get(0).getAsString();
        ctlIsBound(device, "1.0.0");

        DriverJar.write(jar, "idle", "1.1.0", FOR_A_NEWER_API);
        deploy(jar).failsWith("helix.driver.api.block [1.99,2)");
        ctlIsBound(device, "1.0.0");

        DriverJar.write(jar, "idle", "1.2.0", Map.of());
        deploy(jar).succeeds();
        ctlIsBound(device, "1.2.0");
        Files.delete(instance.folder().resolve("deploy/idle.jar"));
        Platform.await("the driver is gone", LIMIT, () -> !hasDriver());
    }

    private void aJarInTheFolderIsBoundUntilItIsRemoved() throws Exception {
        Path jar = instance.folder().resolve("deploy/dropped.jar");
        DriverJar.write(jar, "idle", "2.0.0", Map.of());
        Platform.await("a driver that was dropped serves", LIMIT, () -> isServing("2.0.0"));
        DriverJar.write(jar, "threads", "3.0.0", Map.of());
        Platform.await("the next is refused", LIMIT, () -> isRefused("dropped.jar"));
        assertThat(isServing("2.0.0")).as("the last good one runs on").isTrue();
        instance.ctl("helix:doctor").failsWith("deployments");
        Files.delete(jar);
        Platform.await("its driver is gone", LIMIT, () -> !hasDriver());
    }

    @Test
    public void whoComesSecondToWriteIsToldWhoWasFirst() throws Exception {
        Path data = FOLDER.newFile("data").toPath();
        Files.write(data, new byte[4096]);
        // Runs until it is ended, so that nothing here depends on how fast anything is.
        Process first =
                HelixCommand.begin(
                        "ctl",
                        "--instance",
                        instance.folder().toString(),
                        "blk:bench nvme0n1 --rw randwrite --seconds 3600");
        try {
            Platform.await("the first has the disk", LIMIT, () -> !users().isEmpty());
            assertThat(users()).containsExactly("blk:bench --rw randwrite");
            instance.ctl("blk:write nvme0n1 --in " + data)
                    .failsWith("nvme0n1 is held by blk:bench --rw randwrite");
        } finally {
            first.descendants().forEach(ProcessHandle::destroy);
            first.destroy();
        }
        Platform.await("the first, who hung up, has let go", LIMIT, () -> users().isEmpty());
        instance.ctl("blk:write nvme0n1 --in " + data).succeeds();
    }

    private void theDiskServed() throws Exception {
        instance.ctl("blk:fill nvme0n1 --bytes 1M; blk:verify nvme0n1 --bytes 1M").succeeds();
        assertThat(disk().get("generation").getAsLong())
                .as("the generation of its driver")
                .isEqualTo(generation);
    }

    private void ctlIsBound(String device, String version) throws Exception {
        HelixCommand run =
                instance.ctl("helix:why --json " + device + "; helix:drivers --json").succeeds();
        JsonObject why = run.documents().getFirst().getAsJsonObject();
        assertThat(why.get("driver").getAsString()).isEqualTo("idle8139");
        assertThat(serving(run.documents().getLast(), version)).isTrue();
    }

    private HelixCommand deploy(Path jar) throws Exception {
        return instance.ctl("helix:deploy " + jar);
    }

    private boolean hasDriver() {
        return names(ask("helix:drivers --json")).contains("idle8139");
    }

    private boolean isServing(String version) {
        return serving(ask("helix:drivers --json"), version);
    }

    private static boolean serving(JsonElement drivers, String version) {
        return names(drivers).contains("idle8139")
                && StreamSupport.stream(
                                find(drivers, "name", "idle8139")
                                        .getAsJsonArray("modules")
                                        .spliterator(),
                                false)
                        .map(JsonElement::getAsJsonObject)
                        .anyMatch(m ->
                                m.get("state").getAsString().equals("RUNNING")
                                        && m.get("version").getAsString().equals(version));
    }

    private boolean isRefused(String file) {
        return find(ask("helix:deployments --json"), "file", file)
                .get("state")
                .getAsString()
                .equals("REFUSED");
    }

    private static JsonObject disk() {
        return find(ask("helix:lsblk --json"), "name", "nvme0n1");
    }

    private List<String> users() {
        return names(disk().get("users"));
    }

    private static List<String> names(JsonElement rows) {
        return StreamSupport.stream(rows.getAsJsonArray().spliterator(), false)
                .map(r -> r.getAsJsonObject().get("name").getAsString())
                .toList();
    }

    private static JsonObject find(JsonElement rows, String key, String value) {
        return StreamSupport.stream(rows.getAsJsonArray().spliterator(), false)
                .map(JsonElement::getAsJsonObject)
                .filter(r -> r.get(key).getAsString().equals(value))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + value + " in " + rows));
    }

    private static JsonElement ask(String command) {
        try {
            return instance.ctl(command).succeeds().documents().getFirst();
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(command, e);
        }
    }
}
