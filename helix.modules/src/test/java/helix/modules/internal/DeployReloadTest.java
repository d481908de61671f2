package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.binder.Deployments;
import helix.modules.api.binder.Deployments.Deployment;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.modules.probe.Probe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A jar in the deploy folder of a driver that runs.
class DeployReloadTest {
    private static final String A = "0000:00:04.0";

    @TempDir Path folder;
    private Path deploy;
    private TestPlatform platform;
    private Deployments deployments;
    private Reloads reloads;

    @BeforeEach
    void boot() throws Exception {
        deploy = Files.createDirectories(folder.resolve("deploy"));
        platform =
                new TestPlatform(
                        folder,
                        Map.of(
                                "helix.deploy",
                                deploy.toString(),
                                "helix.instance",
                                folder.toString()));
        var context = platform.context;
        deployments = context.getService(context.getServiceReference(Deployments.class));
        reloads = context.getService(context.getServiceReference(Reloads.class));
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    private Path jar(String version) throws Exception {
        Path jar = folder.resolve("probe.jar");
        Files.write(jar, TestPlatform.bundle("driver", version, Map.of()));
        return jar;
    }

    @Test
    void replacesItAndGoesWithItsFile() throws Exception {
        TestPlatform.write(
                deploy.resolve("probe.jar"), TestPlatform.bundle("driver", "2.0.0", Map.of()));
        platform.await("its report", () -> !reloads.reports().isEmpty());
        ReloadReport report = reloads.reports().getFirst();
        assertThat(report.cause() + " " + report.outcome()).isEqualTo("deploy COMMITTED");
        platform.await("its entry", () -> !deployments.list().isEmpty());
        assertThat(deployments.list())
                .containsExactly(
                        new Deployment(
                                "probe.jar", "test.driver", "2.0.0", Deployments.State.ACTIVE, ""));
        assertThat(platform.module(A).version()).isEqualTo("2.0.0");

        Files.delete(deploy.resolve("probe.jar"));
        platform.await(A, State.STOPPED);
        platform.await("the driver's end", () -> platform.binder.drivers().isEmpty());
    }

    @Test
    void staysOutOfServiceWhereItFails() throws Exception {
        Probe.HOOKS.put(
                "init@2.0.0",
                _ -> {
                    throw new ModuleError("broken");
                });
        assertThat(deployments.install(jar("2.0.0")))
                .isEqualTo(
                        new Deployment(
                                "probe.jar",
                                "test.driver",
                                "1.0.0",
                                Deployments.State.FAILED,
                                "hand over: init: broken (version 1.0.0 runs on)"));
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(platform.module(A).version()).isEqualTo("1.0.0");
    }

    @Test
    void isRefusedWhereTheRehearsalFails() throws Exception {
        Probe.HOOKS.put(
                "rehearse@2.0.0",
                _ -> {
                    throw new ModuleError("broken");
                });
        Deployment deployment = deployments.install(jar("2.0.0"));
        assertThat(deployment.state()).isEqualTo(Deployments.State.REFUSED);
        assertThat(deployment.message())
                .isEqualTo("prepare: rehearse: broken (version 1.0.0 runs on)");
        assertThat(platform.module(A).generation()).isEqualTo(1);
    }

    @Test
    void aJarThatWasRolledBackIsNotDeployedAgain() throws Exception {
        Probe.HOOKS.put(
                "start@2.0.0",
                c -> {
                    Probe.HOOKS.put(
                            "request die",
                            _ -> {
                                c.fail("ring is broken", new IllegalStateException());
                                return "dying";
                            });
                    return null;
                });
        assertThat(deployments.install(jar("2.0.0")).state()).isEqualTo(Deployments.State.ACTIVE);
        platform.binder.request(A, new Request("die", Map.of()));
        Deployment failed =
                new Deployment(
                        "probe.jar",
                        "test.driver",
                        "1.0.0",
                        Deployments.State.FAILED,
                        "rolled back on probation: pr0: ring is broken (version 1.0.0 runs on)");
        platform.await("the way back", () -> deployments.list().equals(List.of(failed)));

        platform.close();
        boot();
        platform.await("its entry", () -> deployments.list().equals(List.of(failed)));
        assertThat(platform.module(A).version()).isEqualTo("1.0.0");
        assertThat(reloads.reports()).isEmpty();

        TestPlatform.write(
                deploy.resolve("probe.jar"), TestPlatform.bundle("driver", "3.0.0", Map.of()));
        platform.await(
                "another jar",
                () -> deployments.list().getFirst().state() == Deployments.State.ACTIVE);
        assertThat(platform.module(A).version()).isEqualTo("3.0.0");

        // What a person asks for is done.
        platform.binder.request(A, new Request("alive", Map.of()));
        assertThat(deployments.install(jar("2.0.0")).state()).isEqualTo(Deployments.State.ACTIVE);
    }
}
