package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Set;
import org.junit.jupiter.api.Test;

class MachineChoiceTest {
    private static MachineChoice choose(String wanted, Set<String> machines, Set<String> programs) {
        return MachineChoice.of(wanted, machines::contains, programs::contains);
    }

    @Test
    void autoIsQemuWhereItIsInstalled() {
        assertThat(choose("auto", Set.of("qemu", "sim"), Set.of(MachineChoice.QEMU)))
                .isEqualTo(new MachineChoice("qemu", ""));
    }

    @Test
    void autoIsTheEmbeddedMachineWithoutQemuAndSaysSo() {
        MachineChoice choice = choose("auto", Set.of("qemu", "sim"), Set.of());
        assertThat(choice.name()).isEqualTo("sim");
        assertThat(choice.notice())
                .contains("no qemu-system-x86_64", "embedded machine", "./helix setup")
                .doesNotContain("\n");
        assertThat(choose("sim", Set.of("qemu", "sim"), Set.of()).notice()).isEmpty();
    }

    @Test
    void autoWithoutAnyMachineGoesOnAndNamesSetup() {
        MachineChoice choice = choose("auto", Set.of("qemu"), Set.of());
        assertThat(choice.name()).isEqualTo("none");
        assertThat(choice.notice()).contains("./helix setup").doesNotContain("\n");
    }

    @Test
    void qemuWithoutQemuFailsAndNamesSetup() {
        assertThatThrownBy(() -> choose("qemu", Set.of("qemu"), Set.of()))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("./helix setup");
    }

    @Test
    void aMachineThatIsNotInTheBuildIsRefused() {
        for (String name : Set.of("sim", "vfio", "qemu")) {
            assertThatThrownBy(() -> choose(name, Set.of(), Set.of(MachineChoice.QEMU)))
                    .isInstanceOf(Failure.class)
                    .hasMessage("--machine " + name + ": not part of this build");
        }
    }

    @Test
    void anUnknownMachineIsRefusedWithTheKnownOnes() {
        assertThatThrownBy(() -> choose("vax", Set.of(), Set.of()))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("vax")
                .hasMessageContaining("auto, sim, qemu, vfio");
    }
}
