package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.sim.SimProfile.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SimProfileTest {
    @TempDir private Path folder;

    private static SimProfile parse(String lines, String... disks) {
        return SimProfile.parse("test", lines.lines().toList(), List.of(disks));
    }

    @Test
    void standardProfileHasDrivesAndACard() {
        SimProfile profile =
                SimProfile.parse(
                        "default",
                        SimProfile.standard(),
                        List.of("/d.img", "virtio:null:1G", "mem:64M"));
        assertThat(profile.memory()).isEqualTo(256L << 20);
        assertThat(profile.ports()).isEqualTo(4);
        assertThat(profile.devices())
                .startsWith(
                        new Device(
                                "nvme",
                                "nvme0",
                                false,
                                Map.of("serial", "helix0", "file", "/d.img")),
                        new Device(
                                "virtio-blk",
                                "vdisk0",
                                false,
                                Map.of("serial", "vhelix0", "backing", "null:1G")),
                        new Device(
                                "nvme",
                                "nvme1",
                                false,
                                Map.of("serial", "helix1", "backing", "mem:64M")))
                .hasSize(4);
        assertThat(profile.kinds()).containsExactly("nvme", "virtio-blk", "virtio-net");
    }

    @Test
    void linesSayWhatThereIs() {
        SimProfile profile =
                parse(
                        """
                        # a comment
                        memory 1G
                        ports 2
                        seed 0x10
                        disk nvme dbbuf=off
                        slot edu e0 answer=42
                        """,
                        "null:1M");
        assertThat(profile.memory()).isEqualTo(1L << 30);
        assertThat(profile.ports()).isEqualTo(2);
        assertThat(profile.seed()).isEqualTo(16);
        assertThat(profile.devices())
                .containsExactly(
                        new Device(
                                "nvme",
                                "nvme0",
                                false,
                                Map.of("serial", "helix0", "backing", "null:1M", "dbbuf", "off")),
                        new Device("edu", "e0", true, Map.of("answer", "42")));
        assertThat(parse("disk none", "null:1M").devices()).isEmpty();
    }

    @Test
    void slipsOfThePenAreRefusedWithTheirLine() {
        for (String line :
                List.of(
                        "cpu 4",
                        "memory lots",
                        "memory",
                        "ports x",
                        "device nvme",
                        "disk nvme x")) {
            assertThatThrownBy(() -> parse("# first\n" + line))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageStartingWith("profile test, line 2: ");
        }
        assertThatThrownBy(() -> SimProfile.read(folder.resolve("none")))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("cannot be read");
    }

    @Test
    void scratchImageIsMadeOnceAndSparse() throws IOException {
        Path image = folder.resolve("a/scratch.img");
        assertThat(SimProfile.scratch(image)).isEqualTo(image.toString());
        assertThat(Files.size(image)).isEqualTo(256L << 20);
        Files.writeString(image, "mine");
        assertThat(Files.readString(Path.of(SimProfile.scratch(image)))).isEqualTo("mine");
    }
}
