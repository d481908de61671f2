package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.binder.Deployments;
import helix.modules.api.binder.Deployments.Deployment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeployTest {
    private static final String A = "0000:00:04.0";
    private static final Map<String, String> NEWER =
            Map.of("Import-Package", "helix.modules.api;version=\"[2.0,3)\", *");

    @TempDir Path folder;
    private Path deploy;
    private TestPlatform platform;
    private Deployments deployments;

    @BeforeEach
    void boot() throws Exception {
        deploy = Files.createDirectories(folder.resolve("deploy"));
        platform = new TestPlatform(folder, Map.of("helix.deploy", deploy.toString()));
        deployments =
                platform.context.getService(
                        platform.context.getServiceReference(Deployments.class));
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    @Test
    void aJarComesChangesAndGoes() throws Exception {
        platform.device(A);
        Path jar = deploy.resolve("probe.jar");
        TestPlatform.write(jar, TestPlatform.bundle("driver", "1.0.0", Map.of()));
        platform.await(A, State.RUNNING);
        platform.await("its entry", () -> !deployments.list().isEmpty());
        assertThat(deployments.list())
                .containsExactly(
                        new Deployment(
                                "probe.jar", "test.driver", "1.0.0", Deployments.State.ACTIVE, ""));

        TestPlatform.write(jar, TestPlatform.bundle("driver", "2.0.0", Map.of()));
        platform.await(
                "the next version",
                () ->
                        platform.module(A).version().equals("2.0.0")
                                && platform.module(A).state() == State.RUNNING);
        Files.delete(jar);
        platform.await("its end", () -> platform.binder.drivers().isEmpty());
        platform.await("its entry's end", () -> deployments.list().isEmpty());
        assertThat(platform.module(A).state()).isEqualTo(State.STOPPED);
    }

    @Test
    void aJarForANewerApiIsRefusedAndTheOldOneRunsOn() throws Exception {
        platform.device(A);
        Path jar = deploy.resolve("probe.jar");
        TestPlatform.write(jar, TestPlatform.bundle("driver", "1.0.0", Map.of()));
        platform.await(A, State.RUNNING);
        TestPlatform.write(jar, TestPlatform.bundle("driver", "3.0.0", NEWER));
        platform.await(
                "its refusal",
                () ->
                        deployment("probe.jar").map(Deployment::state).orElse(null)
                                == Deployments.State.REFUSED);
        assertThat(deployment("probe.jar").orElseThrow().message())
                .isEqualTo(
                        "it needs helix.modules.api [2.0,3), here is 1.1.0 (version 1.0.0 runs on)");
        assertThat(platform.module(A).generation()).isEqualTo(1);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void installTellsWhatBecameOfAJar() throws Exception {
        Path good = folder.resolve("good.jar");
        Files.write(good, TestPlatform.bundle("driver", "1.0.0", Map.of()));
        assertThat(deployments.install(good).state()).isEqualTo(Deployments.State.ACTIVE);
        assertThat(deploy.resolve("good.jar")).exists();

        Path refused = folder.resolve("refused.jar");
        Files.write(refused, TestPlatform.bundle("refused", "1.0.0", Map.of()));
        assertThat(deployments.install(refused).message()).startsWith("THREADS makes threads");
        assertThat(deploy.resolve("refused.jar")).doesNotExist();

        Path noJar = folder.resolve("no.jar");
        Files.write(noJar, "hello".getBytes(StandardCharsets.UTF_8));
        assertThat(deployments.install(noJar).message()).startsWith("it is no jar");

        assertThatThrownBy(() -> deployments.install(folder.resolve("missing.jar")))
                .isInstanceOf(ModuleError.class)
                .hasMessage("cannot read " + folder.resolve("missing.jar"));
    }

    private Optional<Deployment> deployment(String file) {
        return deployments.list().stream().filter(d -> d.file().equals(file)).findFirst();
    }
}
