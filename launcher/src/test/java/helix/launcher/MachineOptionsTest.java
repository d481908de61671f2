package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class MachineOptionsTest {
    @TempDir Path folder;

    private static MachineOptions parse(String... arguments) {
        MachineOptions options = new MachineOptions();
        new CommandLine(options).parseArgs(arguments);
        return options;
    }

    @Test
    void withoutOptionsTheMachineDecides() {
        MachineOptions options = parse().checked();
        assertThat(options.machine).isEqualTo("auto");
        assertThat(options.properties()).isEmpty();
    }

    @Test
    void repeatedOptionsKeepTheirOrderAndSpaces() {
        MachineOptions options =
                parse(
                        "--disk=null:1G",
                        "--disk",
                        "mem:64M",
                        "--qemu-arg",
                        "-device",
                        "--qemu-arg=nvme,serial=a b");
        assertThat(options.checked().properties())
                .containsEntry("helix.disks", "null:1G\nmem:64M")
                .containsEntry("helix.qemu.args", "-device\nnvme,serial=a b");
    }

    @Test
    void filesAreMadeAbsolute() throws IOException {
        Path image = Files.createFile(folder.resolve("d.img"));
        Path profile = Files.createFile(folder.resolve("p.json"));
        Path here = Path.of("").toAbsolutePath();
        MachineOptions options =
                parse(
                                "--disk=" + here.relativize(image),
                                "--disk=virtio:" + here.relativize(image),
                                "--disk=virtio:mem:64M",
                                "--profile=" + here.relativize(profile))
                        .checked();
        assertThat(options.properties())
                .containsEntry("helix.disks", image + "\nvirtio:" + image + "\nvirtio:mem:64M")
                .containsEntry("helix.profile", profile.toString());
    }

    @Test
    void argumentsAreReadBackAsTheyWere() {
        MachineOptions first =
                parse("--machine=qemu", "--disk=null:1G", "--qemu-arg=-S", "--qemu-arg=a=b c");
        MachineOptions second = parse(first.arguments().toArray(String[]::new));
        assertThat(second.machine).isEqualTo("qemu");
        assertThat(second.properties()).isEqualTo(first.properties());
    }

    @Test
    void whatIsNotThereIsRefusedByName() {
        assertThatThrownBy(() -> parse("--disk=/nowhere/d.img").checked())
                .isInstanceOf(Failure.class)
                .hasMessageContaining("/nowhere/d.img");
        assertThatThrownBy(() -> parse("--profile=/nowhere/p").checked())
                .isInstanceOf(Failure.class)
                .hasMessageContaining("/nowhere/p");
    }

    @Test
    void aSizeThatIsNoneIsRefused() {
        for (String spec : new String[] {"null:", "null:1X", "mem:-1M", "mem:big"}) {
            assertThatThrownBy(() -> parse("--disk=" + spec).checked())
                    .isInstanceOf(Failure.class)
                    .hasMessageContaining(spec);
        }
    }
}
