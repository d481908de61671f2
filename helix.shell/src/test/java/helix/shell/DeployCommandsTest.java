package helix.shell;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import helix.shell.FakePlatform.FakeDeployments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The commands about the deploy folder through the real Gogo.
final class DeployCommandsTest {
    private final FakePlatform platform = FakePlatform.zoo();
    private final FakeDeployments deployments = (FakeDeployments) platform.deployments;
    private final GogoShell shell = new GogoShell(platform);

    @TempDir private Path folder;

    @BeforeEach
    void enter() {
        shell.session().currentDir(folder);
    }

    @AfterEach
    void close() {
        shell.close();
    }

    private Path jar(String name) throws IOException {
        return Files.createFile(folder.resolve(name));
    }

    @Test
    void aGoodJarIsNamedFromTheSessionsFolderOn() throws Exception {
        Path jar = jar("good.jar");
        assertThat(shell.execute("helix:deploy good.jar"))
                .isEqualTo("good.jar is deployed: test.good 1.2.3\n");
        JsonObject record = shell.json("deploy --json " + jar).getAsJsonObject();
        assertThat(record.get("file").getAsString()).isEqualTo("good.jar");
        assertThat(record.get("state").getAsString()).isEqualTo("ACTIVE");
        assertThat(deployments.installed).containsExactly(jar, jar);
    }

    @ParameterizedTest
    @CsvSource({
        "refused.jar, refused.jar is REFUSED: it needs x",
        "failed.jar, failed.jar is FAILED: it needs x",
        "notes.txt, is no .jar file"
    })
    void aBadJarFailsTheCommandWithOneLine(String name, String line) throws Exception {
        jar(name);
        assertThatThrownBy(() -> shell.execute("deploy --json " + name))
                .isInstanceOf(CommandFailed.class)
                .hasMessageEndingWith(line);
    }

    @Test
    void whatIsNoFileIsToldBeforeAnythingIsDone() throws Exception {
        Files.createDirectory(folder.resolve("folder.jar"));
        assertThatThrownBy(() -> shell.execute("deploy missing.jar"))
                .hasMessage("missing.jar: no such file or directory");
        assertThatThrownBy(() -> shell.execute("deploy folder.jar"))
                .hasMessage("folder.jar is no regular file");
        assertThat(deployments.installed).isEmpty();
    }

    @Test
    void theListShowsTheSameRecordAsTableAndJson() throws Exception {
        deployments.install(jar("good.jar"));
        deployments.install(jar("refused.jar"));
        JsonArray rows = shell.json("helix:deployments --json").getAsJsonArray();
        assertThat(rows).hasSize(2);
        assertThat(rows.get(1).getAsJsonObject().get("message").getAsString())
                .isEqualTo("it needs x");
        assertThat(shell.execute("deployments"))
                .isEqualTo(
                        """
                        FILE         BUNDLE     VERSION  STATE    MESSAGE
                        good.jar     test.good  1.2.3    ACTIVE
                        refused.jar  test.bad            REFUSED  it needs x
                        """);
    }

    @Test
    void withoutADeployerTheLineNamesItsBundle() throws Exception {
        platform.deployments = null;
        jar("good.jar");
        assertThatThrownBy(() -> shell.execute("deploy good.jar"))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining("helix.modules");
        assertThatThrownBy(() -> shell.execute("deployments"))
                .hasMessageContaining("helix.modules");
    }
}
