package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// What a person sees who types `./helix exec` where there is no QEMU.
public class WithoutQemuIT {
    private static final int BYTES = 24 << 20;

    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    /// The programs of this computer, QEMU's apart.
    private String path() throws IOException {
        Path programs = folder.newFolder("programs").toPath();
        for (String each : System.getenv("PATH").split(":", -1)) {
            if (each.isEmpty() || !Files.isDirectory(Path.of(each))) {
                continue;
            }
            try (Stream<Path> files = Files.list(Path.of(each))) {
                for (Path file : files.toList()) {
                    String name = file.getFileName().toString();
                    Path link = programs.resolve(name);
                    if (!name.startsWith("qemu")
                            && !Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
                        Files.createSymbolicLink(link, file);
                    }
                }
            }
        }
        return programs.toString();
    }

    private HelixCommand exec(String machine, String commands, String... options) throws Exception {
        String[] arguments =
                Stream.concat(
                                Stream.concat(
                                        Stream.of("exec", "--machine", machine),
                                        Stream.of(options)),
                                Stream.of(commands))
                        .toArray(String[]::new);
        return HelixCommand.runWith(List.of("/usr/bin/env", "PATH=" + path()), arguments)
                .succeeds();
    }

    private static void lists(HelixCommand run) {
        assertThat(run.documents()).hasSize(2);
        JsonArray functions = run.documents().getFirst().getAsJsonArray();
        assertThat(functions.asList())
                .hasSizeGreaterThan(3)
                .allMatch(f -> f.getAsJsonObject().get("machine").getAsString().equals("sim"))
                .anyMatch(f -> f.getAsJsonObject().get("class").getAsString().equals("010802"));
        JsonObject disk = run.documents().getLast().getAsJsonArray().get(0).getAsJsonObject();
        assertThat(disk.get("name").getAsString()).isEqualTo("nvme0n1");
        assertThat(disk.get("state").getAsString()).isEqualTo("present");
    }

    @Test
    public void theEmbeddedMachineIsChosenByItselfAndTheFirstLineSaysSo() throws Exception {
        HelixCommand run = exec("auto", "helix:lspci --json; helix:lsblk --json");
        lists(run);
        assertThat(run.err().lines().findFirst().orElse(""))
                .contains("no qemu-system-x86_64", "the embedded machine, sim", "./helix setup");
    }

    @Test
    public void aFileWrittenToADiskIsThereByteForByte() throws Exception {
        byte[] data = new byte[BYTES];
        new Random(5).nextBytes(data);
        Path file = Files.write(folder.getRoot().toPath().resolve("data"), data);
        Path image = Platform.scratchFile(32);
        HelixCommand run =
                exec(
                        "sim",
                        "blk:write nvme0n1 --in %s; blk:read nvme0n1 --bytes %d --out %s.back; helix:lspci --json; helix:lsblk --json"
                                .formatted(file, BYTES, file),
                        "--disk",
                        image.toString());
        lists(run);
        assertThat(Files.mismatch(file, Path.of(file + ".back"))).as("what was read").isEqualTo(-1);
        assertThat(Files.mismatch(file, image)).as("the image, which is longer").isEqualTo(BYTES);
        assertThat(Files.size(image)).isEqualTo(32L << 20);
    }
}
