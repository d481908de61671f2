package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.modules.api.Idle;
import helix.modules.api.ModuleState.Schema;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.wiring.BundleWiring;

/// Reloads leave nothing behind: no class loader, thread, bundle or file.
class ManyReloadsTest {
    /// With `-Dhelix.reloads=1000` for a long run.
    private static final int ROUNDS = Integer.getInteger("helix.reloads", 40);

    @TempDir Path folder;

    @Test
    void warmColdAndRolledBackInTurns() throws Exception {
        TestPlatform platform =
                new TestPlatform(folder, Map.of("helix.instance", folder.toString()));
        try {
            reload(platform);
        } finally {
            platform.close();
        }
    }

    private void reload(TestPlatform platform) throws Exception {
        Path jar = folder.resolve("probe.jar");
        Files.write(jar, TestPlatform.bundle("driver", "1.0.0", Map.of()));
        Probe.SCHEMAS.put("1.0.0", new Schema("probe", 1, 1));
        Probe.HOOKS.put(
                "start",
                c -> {
                    c.agent("rx", () -> 0, Idle.every(Duration.ofMillis(1)));
                    return null;
                });
        platform.device("0000:00:04.0");
        platform.driver("1.0.0");
        platform.settle();
        var context = platform.context;
        Reloads reloads = context.getService(context.getServiceReference(Reloads.class));
        int threads = helixThreads();
        int bundles = context.getBundles().length;
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        for (int i = 0; i < ROUNDS; i++) {
            loaders.add(
                    new WeakReference<>(
                            driver(platform).adapt(BundleWiring.class).getClassLoader()));
            boolean isCold = i % 3 == 1;
            boolean isBroken = i % 3 == 2;
            if (isBroken) {
                Probe.HOOKS.put(
                        "restoreState",
                        _ -> {
                            Probe.HOOKS.remove("restoreState");
                            throw new IllegalStateException("broken");
                        });
            }
            Options options = new Options(isCold, false, Duration.ofSeconds(10));
            ReloadReport report = reloads.update("probe", jar, options);
            assertThat(report.outcome())
                    .as(report.reason())
                    .isEqualTo(isBroken ? Outcome.ROLLED_BACK : Outcome.COMMITTED);
            assertThat(report.devices().getFirst().warm()).isEqualTo(!isCold);
            assertThat(report.otherBundlesTouched()).isZero();
            Probe.LOG.clear();
        }
        double total = reloads.reports().stream().mapToDouble(ReloadReport::totalMs).sum();
        double pause =
                reloads.reports().stream()
                        .mapToDouble(r -> r.devices().getFirst().pauseMs())
                        .max()
                        .orElse(0);
        System.out.printf(
                "%d reloads, %.0f ms each, pause at most %.1f ms%n",
                ROUNDS, total / reloads.reports().size(), pause);
        platform.await("the end of threads", () -> helixThreads() == threads);
        assertThat(context.getBundles()).hasSize(bundles);
        try (var files = Files.list(folder.resolve("revisions/test.driver"))) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "current.jar", "previous.jar", "revision.properties");
        }
        platform.await(
                "the end of old class loaders",
                () -> {
                    System.gc();
                    return loaders.stream().filter(l -> l.get() != null).count() <= 1;
                });
    }

    private static Bundle driver(TestPlatform platform) {
        return Arrays.stream(platform.context.getBundles())
                .filter(b -> "test.driver".equals(b.getSymbolicName()))
                .findFirst()
                .orElseThrow();
    }

    private static int helixThreads() {
        return (int)
                Thread.getAllStackTraces().keySet().stream()
                        .filter(t -> t.isAlive() && t.getName().startsWith("helix-"))
                        .count();
    }
}
