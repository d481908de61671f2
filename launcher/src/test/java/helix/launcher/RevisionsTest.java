package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RevisionsTest {
    /// Of the bytes `as shipped`.
    private static final String SHIPPED =
            "9f58248d84aa654b2c71ed02d43296ad9859c49d2a52e84774e5b6b394f0a293";

    @TempDir Path folder;
    private Path jar;
    private Path revision;
    private Revisions revisions;

    @BeforeEach
    void lay() throws IOException {
        jar = Files.createDirectories(folder.resolve("bundles")).resolve("helix.driver.x.jar");
        Files.write(jar, "as shipped".getBytes(StandardCharsets.UTF_8));
        revision = Files.createDirectories(folder.resolve("revisions/helix.driver.x"));
        revisions = new Revisions(folder.resolve("revisions"));
    }

    private void commit(String properties) throws IOException {
        Files.write(revision.resolve("current.jar"), new byte[] {1});
        Files.writeString(revision.resolve("revision.properties"), properties);
    }

    private Revisions.Choice own() {
        return new Revisions.Choice(jar.toUri().toString(), jar);
    }

    @Test
    void withoutRevisionsTheDistributionRuns() {
        assertThat(revisions.of(jar)).isEqualTo(own());
        assertThat(new Revisions(folder.resolve("none")).of(jar)).isEqualTo(own());
    }

    @Test
    void whatWasCommittedRunsAgain() throws IOException {
        commit("base.sha256=" + SHIPPED);
        assertThat(revisions.of(jar))
                .isEqualTo(
                        new Revisions.Choice(
                                "helix-revision:helix.driver.x/0",
                                revision.resolve("current.jar")));
    }

    @Test
    void aChangedDistributionWins() throws IOException {
        commit("base.sha256=" + SHIPPED);
        Files.write(jar, "as shipped later".getBytes(StandardCharsets.UTF_8));
        assertThat(revisions.of(jar)).isEqualTo(own());
        assertThat(revision).isEmptyDirectory();
    }

    @Test
    void whatTheDeployFolderBroughtIsLeftToIt() throws IOException {
        commit("current.version=2.0.0");
        assertThat(revisions.of(jar)).isEqualTo(own());
        assertThat(revision.resolve("current.jar")).exists();
    }

    @Test
    void whatCannotBeReadIsNotUsed() throws IOException {
        commit("base.sha256=\\u12");
        assertThat(revisions.of(jar)).isEqualTo(own());
    }
}
