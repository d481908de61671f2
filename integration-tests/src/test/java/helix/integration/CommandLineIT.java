package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

    /// One boot with every shape of drive: plain, 4096-byte blocks, two namespaces, one queue pair,
    /// behind a port.
    @Test
    public void aFileWrittenToADiskIsThereByteForByte() throws Exception {
        Path plain = Platform.scratchFile(96);
        Path large = Platform.scratchFile(24);
        Path first = Platform.scratchFile(16);
        Path second = Platform.scratchFile(24);
        Path single = Platform.scratchFile(24);
        Path behind = Platform.scratchFile(24);
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("exec", "--machine", "qemu", "--disk", plain.toString()));
        for (String argument :
                List.of(
                        "-drive", "id=e0,format=raw,if=none,file=" + large,
                        "-device",
                                "nvme,drive=e0,serial=large,addr=10,logical_block_size=4096,physical_block_size=4096",
                        "-drive", "id=e1,format=raw,if=none,file=" + first,
                        "-drive", "id=e2,format=raw,if=none,file=" + second,
                        "-device", "nvme,id=two,serial=two,addr=11",
                        "-device", "nvme-ns,drive=e1,bus=two,nsid=1",
                        "-device", "nvme-ns,drive=e2,bus=two,nsid=2",
                        "-drive", "id=e3,format=raw,if=none,file=" + single,
                        "-device", "nvme,drive=e3,serial=single,addr=12,max_ioqpairs=1",
                        "-device", "pcie-root-port,id=extra,chassis=99,slot=99,addr=13",
                        "-drive", "id=e4,format=raw,if=none,file=" + behind,
                        "-device", "nvme,drive=e4,serial=behind,bus=extra")) {
            arguments.add("--qemu-arg=" + argument);
        }
        Map<String, Path> images = new LinkedHashMap<>();
        images.put("nvme0n1", plain);
        images.put("nvme1n1", large);
        images.put("nvme2n2", second);
        images.put("nvme3n1", single);
        images.put("nvme4n1", behind);
        Map<String, Path> files = new LinkedHashMap<>();
        List<String> commands = new ArrayList<>();
        for (String disk : images.keySet()) {
            Path file = random(disk.equals("nvme0n1") ? 64 : 16);
            files.put(disk, file);
            commands.add("blk:write " + disk + " --in " + file);
            commands.add(
                    "blk:read %s --bytes %d --out %s.back".formatted(disk, Files.size(file), file));
        }
        commands.add("helix:lsblk --json");
        arguments.add(String.join("; ", commands));
        HelixCommand run = HelixCommand.run(arguments.toArray(String[]::new)).succeeds();

        for (var entry : files.entrySet()) {
            Path file = entry.getValue();
            assertThat(Files.mismatch(file, Path.of(file + ".back")))
                    .as("what was read back of %s", entry.getKey())
                    .isEqualTo(-1);
            assertThat(Files.mismatch(file, images.get(entry.getKey())))
                    .as("the image of %s", entry.getKey())
                    .isEqualTo(Files.size(file));
        }
        JsonObject[] disks =
                StreamSupport.stream(
                                run.documents().getLast().getAsJsonArray().spliterator(), false)
                        .map(JsonElement::getAsJsonObject)
                        .toArray(JsonObject[]::new);
        assertThat(disks)
                .extracting(d -> d.get("name").getAsString() + " " + d.get("serial").getAsString())
                .contains("nvme1n1 large", "nvme2n2 two", "nvme3n1 single", "nvme4n1 behind");
        assertThat(disks)
                .filteredOn(d -> d.get("serial").getAsString().equals("large"))
                .allMatch(d -> d.get("blockSize").getAsInt() == 4096);
    }

    @Test
    public void theBenchmarkMeetsTheShapeOfItsBars() throws Exception {
        JsonObject result =
                HelixCommand.run(
                                "exec",
                                "--machine",
                                "qemu",
                                "--disk",
                                "null:1G",
                                "blk:bench nvme0n1 --rw randread --bs 4k --qd 32 --warmup 1 --seconds 1 --json")
                        .succeeds()
                        .documents()
                        .getFirst()
                        .getAsJsonObject();
        assertThat(result.keySet())
                .contains(
                        "iops", "latencyUs", "bytesAllocatedPerIo", "mmioPerIo", "mmioRoundTripUs");
        assertThat(result.get("latencyUs").getAsJsonObject().keySet())
                .contains("p50", "p99", "p999", "max");
        // What a request costs does not depend on how busy the machine is; rates do, and are
        // measured
        // by hand.
        assertThat(result.get("mmioPerIo").getAsDouble()).isBetween(0.001, 0.1);
        // The smallest object has 16 bytes. Less are those of a doorbell, one for many requests,
        // whose
        // way to QEMU allocates until it is compiled.
        assertThat(result.get("bytesAllocatedPerIo").getAsDouble()).isLessThan(16);
        assertThat(result.get("mmioRoundTripUs").getAsDouble()).isPositive();
        assertThat(result.get("errors").getAsLong()).isZero();
    }

    @Test
    public void wrongOptionsGetOneClearLine() throws Exception {
        HelixCommand.run("exec", "--disk", "/no/such/disk", "helix:lsblk")
                .failsWith("/no/such/disk");
        HelixCommand.run("exec", "--machine", "vax", "helix:lsblk").failsWith("vax");
        HelixCommand.run("exec", "--profile", "/no/such/profile", "helix:lsblk")
                .failsWith("/no/such/profile");
        HelixCommand.run("nonsense").failsWith("nonsense");
    }

    @Test
    public void aRunningInstanceRefusesBadInputAndLosesNothing() throws Exception {
        Path image = Platform.scratchFile(4);
        byte[] before = Files.readAllBytes(image);
        Path tooLarge = random(8);
        RunningInstance instance = RunningInstance.start(folder.newFolder("i").toPath(), image);
        try {
            instance.ctl("blk:read nvme9n1").failsWith("nvme9n1");
            instance.ctl("helix:why 0000:7f:00.0").failsWith("0000:7f:00.0");
            instance.ctl("blk:write nvme0n1 --in " + tooLarge).failsWith("nvme0n1");
            instance.ctl("blk:write nvme0n1 --in /no/such/file").failsWith("/no/such/file");
            instance.ctl("blk:read nvme0n1 --offset 1G --bytes 4k --out /dev/null")
                    .failsWith("nvme0n1");
            instance.ctl("blk:nonsense nvme0n1").failsWith("blk:nonsense");
            instance.ctl("blk:read nvme0n1 --nonsense").failsWith("--nonsense");
            instance.ctl("helix:bind 0000:00:04.0 nonsense").failsWith("nonsense");
            instance.ctl("helix:attach vhost-user:/no/such/socket --type blk")
                    .failsWith("cannot be attached", "ENOENT");
            instance.ctl("machine:unplug nonsense").failsWith("nonsense");
            instance.ctl("machine:fault nonsense").failsWith("nonsense");
            assertThat(instance.ctl("helix:lsblk --json").succeeds().documents()).hasSize(1);
        } finally {
            instance.stop().succeeds();
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
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
