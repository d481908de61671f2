package helix.launcher;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class SessionTest {
    @Test
    void anotherSystemIsRefusedInOneLine() {
        assertThatCode(() -> Session.checkSystem("Linux", "amd64")).doesNotThrowAnyException();
        assertThatThrownBy(() -> Session.checkSystem("Linux", "aarch64"))
                .isInstanceOf(Failure.class)
                .hasMessage("Helix runs on Linux x86-64 only; this is Linux aarch64");
        assertThatThrownBy(() -> Session.checkSystem("Mac OS X", "amd64"))
                .isInstanceOf(Failure.class);
    }

    @Test
    void argumentsForQemuAreRefusedByOtherMachines() {
        MachineOptions options = new MachineOptions();
        assertThatCode(() -> Session.checkOptions(options, "sim")).doesNotThrowAnyException();
        options.qemuArgs = List.of("-S");
        assertThatCode(() -> Session.checkOptions(options, "qemu")).doesNotThrowAnyException();
        assertThatThrownBy(() -> Session.checkOptions(options, "sim"))
                .isInstanceOf(Failure.class)
                .hasMessageStartingWith("--qemu-arg: machine sim is not QEMU's");
    }
}
