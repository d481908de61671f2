package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstanceTest {
    @TempDir Path folder;

    @Test
    void aSecondInstanceInADirectoryIsRefusedWithTheOwner() {
        try (Instance first = Instance.at(folder).open();
                Instance second = Instance.at(folder)) {
            assertThat(second.holder()).contains(ProcessHandle.current().pid());
            assertThatThrownBy(second::open)
                    .isInstanceOf(Failure.class)
                    .hasMessageContaining(first.directory().toString())
                    .hasMessageContaining("process " + ProcessHandle.current().pid());
        }
    }

    @Test
    void aClosedInstanceCanBeOpenedAgain() {
        Instance.at(folder).open().close();
        assertThat(Instance.at(folder).holder()).isEmpty();
        Instance.at(folder).open().close();
    }

    @Test
    void aTemporaryInstanceVanishes() {
        Path directory;
        try (Instance instance = Instance.temporary().open()) {
            directory = instance.directory();
            assertThat(instance.conf()).isDirectory();
        }
        assertThat(directory).doesNotExist();
    }

    @Test
    void theControlSocketLiesInAPrivateFolder() throws IOException {
        try (Instance instance = Instance.at(folder.resolve("i")).open()) {
            Path socket = instance.prepareControlSocket();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(parent(socket))))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void aSocketPathThatWouldBeTooLongIsReplaced() throws IOException {
        try (Instance instance = Instance.at(folder.resolve("x".repeat(120))).open()) {
            Path socket = instance.prepareControlSocket();
            assertThat(socket.toString().length()).isLessThanOrEqualTo(107);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(parent(socket))))
                    .isEqualTo("rwx------");
            Files.delete(parent(socket));
        }
    }

    private static Path parent(Path path) {
        Path parent = path.getParent();
        assertThat(parent).isNotNull();
        return parent == null ? path : parent;
    }
}
