package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.StreamSupport;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// What a person sees who types `./helix exec`.
public class CommandLineIT {
    private static final int MIB = 1 << 20;

    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    @Before
    public void qemu() {
        Qemu.assumePresent();
    }

    @Test
    public void lspciIsOneJsonArrayWithTheZoo() throws Exception {
        HelixCommand run =
                HelixCommand.run("exec", "--machine", "qemu", "helix:lspci --json").succeeds();
        assertThat(run.documents()).hasSize(1);
        JsonArray functions = run.documents().getFirst().getAsJsonArray();
        assertThat(functions.size()).isGreaterThan(8);
        for (var element : functions) {
            JsonObject function = element.getAsJsonObject();
            assertThat(function.keySet())
                    .contains("address", "vendor", "device", "class", "driver", "machine");
            assertThat(function.get("address").getAsString())
                    .matches("[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]");
            assertThat(function.get("vendor").getAsString()).matches("[0-9a-f]{4}");
            assertThat(function.get("machine").getAsString()).isEqualTo("qemu");
        }
        List<JsonObject> nvme =
                StreamSupport.stream(functions.spliterator(), false)
                        .map(e -> e.getAsJsonObject())
                        .filter(f -> f.get("class").getAsString().equals("010802"))
                        .toList();
        assertThat(nvme).isNotEmpty();
        assertThat(nvme.getFirst().get("driver").getAsString()).isEqualTo("nvme");
        assertThat(functions.asList())
                .anyMatch(f -> f.getAsJsonObject().get("driver").isJsonNull());
    }

    @Test
    public void aFileWrittenToADiskIsThereByteForByte() throws Exception {
        roundTrip("nvme0n1", List.of("--disk", disk(96).toString()), 64);
    }

    @Test
    public void aFileRoundTripsOverBlocksOf4096Bytes() throws Exception {
        Path image = disk(32);
        roundTripOn(
                image,
                "nvme1n1",
                List.of(
                        "--qemu-arg=-drive",
                        "--qemu-arg=id=e0,file=" + image + ",format=raw,if=none",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme,drive=e0,serial=extra,addr=10,logical_block_size=4096,physical_block_size=4096"),
                16);
    }

    @Test
    public void aFileRoundTripsOnTheSecondNamespace() throws Exception {
        Path image = disk(32);
        roundTripOn(
                image,
                "nvme1n2",
                List.of(
                        "--qemu-arg=-drive",
                        "--qemu-arg=id=e0,file=" + disk(16) + ",format=raw,if=none",
                        "--qemu-arg=-drive",
                        "--qemu-arg=id=e1,file=" + image + ",format=raw,if=none",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme,id=x,serial=extra,addr=10",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme-ns,drive=e0,bus=x,nsid=1",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme-ns,drive=e1,bus=x,nsid=2"),
                16);
    }

    @Test
    public void aFileRoundTripsWithOneIoQueuePair() throws Exception {
        Path image = disk(32);
        roundTripOn(
                image,
                "nvme1n1",
                List.of(
                        "--qemu-arg=-drive",
                        "--qemu-arg=id=e0,file=" + image + ",format=raw,if=none",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme,drive=e0,serial=extra,addr=10,max_ioqpairs=1"),
                16);
    }

    @Test
    public void aFileRoundTripsBehindARootPort() throws Exception {
        Path image = disk(32);
        roundTripOn(
                image,
                "nvme1n1",
                List.of(
                        "--qemu-arg=-device",
                        "--qemu-arg=pcie-root-port,id=extraport,chassis=99,slot=99,addr=11",
                        "--qemu-arg=-drive",
                        "--qemu-arg=id=e0,file=" + image + ",format=raw,if=none",
                        "--qemu-arg=-device",
                        "--qemu-arg=nvme,drive=e0,serial=extra,bus=extraport"),
                16);
    }

    @Test
    public void badInputGetsOneClearLineAndLosesNothing() throws Exception {
        Path image = disk(4);
        byte[] before = Files.readAllBytes(image);
        Path large = random(8);
        String d = image.toString();
        HelixCommand.run("exec", "--disk", d, "blk:read nvme9n1").failsWith("nvme9n1");
        HelixCommand.run("exec", "--disk", d, "helix:why 0000:7f:00.0").failsWith("0000:7f:00.0");
        HelixCommand.run("exec", "--disk", d, "blk:write nvme0n1 --in " + large)
                .failsWith("nvme0n1");
        HelixCommand.run("exec", "--disk", d, "blk:read nvme0n1 --offset 1G --bytes 4k --out /dev/null")
                .failsWith("nvme0n1");
        HelixCommand.run("exec", "--disk", d, "blk:nonsense nvme0n1").failsWith("blk:nonsense");
        HelixCommand.run("exec", "--disk", d, "blk:read nvme0n1 --nonsense").failsWith("--nonsense");
        HelixCommand.run("exec", "--disk", d + ".missing", "helix:lsblk").failsWith(".missing");
        HelixCommand.run("exec", "--machine", "vax", "helix:lsblk").failsWith("vax");
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    private void roundTrip(String name, List<String> options, int mebibytes) throws Exception {
        roundTripOn(Path.of(options.getLast()), name, options, mebibytes);
    }

    private void roundTripOn(Path image, String name, List<String> options, int mebibytes)
            throws Exception {
        Path file = random(mebibytes);
        Path back = folder.getRoot().toPath().resolve("back");
        String[] arguments = new String[options.size() + 4];
        arguments[0] = "exec";
        arguments[1] = "--machine";
        arguments[2] = "qemu";
        for (int i = 0; i < options.size(); i++) {
            arguments[3 + i] = options.get(i);
        }
        arguments[arguments.length - 1] =
                "blk:write %s --in %s; blk:read %s --bytes %d --out %s"
                        .formatted(name, file, name, Files.size(file), back);
        HelixCommand.run(arguments).succeeds();
        assertThat(Files.mismatch(file, back)).as("what was read back").isEqualTo(-1);
        assertThat(Files.mismatch(file, image)).as("the image").isIn(-1L, Files.size(file));
    }

    private Path disk(int mebibytes) throws IOException {
        Path image = Files.createTempFile(folder.getRoot().toPath(), "disk", ".raw");
        try (var file = new java.io.RandomAccessFile(image.toFile(), "rw")) {
            file.setLength((long) mebibytes * MIB);
        }
        return image;
    }

    private Path random(int mebibytes) throws IOException {
        Path file = Files.createTempFile(folder.getRoot().toPath(), "random", ".bin");
        Random random = new Random(mebibytes);
        try (var out = Files.newOutputStream(file)) {
            byte[] chunk = new byte[MIB];
            for (int i = 0; i < mebibytes; i++) {
                random.nextBytes(chunk);
                out.write(chunk);
            }
        }
        return file;
    }
}
