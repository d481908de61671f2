package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import helix.launcher.DoctorCommand.Finding;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DoctorCommandTest {
    @Test
    void anOldJavaIsNamedWithItsFix() {
        Finding finding = DoctorCommand.java(17, "17.0.15");
        assertThat(finding.good()).isFalse();
        assertThat(finding.text()).contains("17.0.15").contains("JAVA_HOME");
        assertThat(DoctorCommand.java(25, "25.0.3").good()).isTrue();
        assertThat(DoctorCommand.java(26, "26").good()).isTrue();
    }

    @Test
    void anotherSystemIsNamed() {
        assertThat(DoctorCommand.system("Linux", "amd64").good()).isTrue();
        assertThat(DoctorCommand.system("Linux", "aarch64").good()).isFalse();
        assertThat(DoctorCommand.system("Mac OS X", "amd64").text()).contains("Linux x86-64");
    }

    @Test
    void missingQemuIsNamedWithItsFix() {
        Finding finding = DoctorCommand.qemu(Optional.empty());
        assertThat(finding.good()).isFalse();
        assertThat(finding.text()).contains("./helix setup");
    }

    @Test
    void aQemuThatDoesNotRunIsNamedWithItsFix() {
        Finding finding = DoctorCommand.qemu(Optional.of(Path.of("/nowhere/qemu")));
        assertThat(finding.good()).isFalse();
        assertThat(finding.text()).contains("/nowhere/qemu").contains("./helix setup");
    }

    @Test
    void anOldQemuIsNamed() {
        assertThat(qemu("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)").good()).isTrue();
        assertThat(qemu("QEMU emulator version 10.0.2").good()).isTrue();
        Finding old = qemu("QEMU emulator version 6.2.0");
        assertThat(old.good()).isFalse();
        assertThat(old.text()).contains("6.2").contains("7.2");
    }

    private static Finding qemu(String line) {
        return DoctorCommand.qemuVersion("qemu", line);
    }
}
